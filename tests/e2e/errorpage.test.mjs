// LinkedIn's own error page never redirects: the flow notices it, says what it is about, and takes its tab away.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { stage, startFresh } from './lib/stage.mjs';
import { typeInto } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const AUTHORIZATION = 'https://www.linkedin.com/oauth/v2/authorization';
/** Longer than the worker takes to look at the title of a page. */
const LOOK_MS = 1500;

beforeEach(() => startFresh(on, null));

const html = (status, body) => ({ kind: 'answer', status, content_type: 'text/html; charset=utf-8', body });
const page = (title, words) => `<!doctype html><title>${title}</title><link rel="icon" href="data:,"><h1>${title}</h1><p>${words}</p>`;

/** The flow ends with `code`, in a page of ours, and its tab is gone; nothing reached the redirect host. */
async function stopsWith(id, flow, code) {
  const { sandbox, browser, tokenkeep } = on;
  assert.equal(await flow.outcome(), code);
  const result = await flow.resultPage();
  const finding = await result.finding(id);
  await until("LinkedIn's tab is closed", async () =>
    (await browser.tabs()).every(({ url }) => !url.startsWith(AUTHORIZATION)),
  );
  const counters = await sandbox.counters();
  assert.equal(counters.redirect_host_requests, 0);
  assert.equal(counters.token_posts, 0);
  // Once in the tab, once to be read.
  assert.equal((await sandbox.authorizationRequests()).length, 2);
  await tokenkeep.rulesAreOwned();
  return { result, finding, button: `${result.card(id)} .finding-action` };
}

/** Presses the main action of the card, and the flow that it starts gives a token. */
async function againToToken(shown, id) {
  const flow = await on.tokenkeep.flowBy(id, () => shown.click(`${shown.card(id)} .profile-main`));
  await flow.complete();
}

describe("LinkedIn's error page", () => {
  test('about a redirect URI that is not registered: the button copies it, and once it is registered it works', async () => {
    const { tokenkeep, sandbox, browser } = on;
    const { app, redirect_hosts: hosts } = sandbox.ready;
    const redirect_uri = `${hosts.live_https}/`;
    const id = await tokenkeep.addSandboxProfile('live_https', { redirect_uri });
    const flow = await tokenkeep.authorize(id);
    const { result, finding, button } = await stopsWith(id, flow, 'redirect_uri_not_registered');
    assert.match(finding.what, /does not know this redirect URI/);
    assert.match(finding.evidence, /The redirect_uri does not match the registered value/);
    await result.click(button);
    await until('the redirect URI is on the clipboard', async () => (await browser.readClipboard()) === redirect_uri);
    await sandbox.app({ client_id: app.client_id, redirect_uris: [...app.redirect_uris, redirect_uri] });
    await againToToken(result, id);
    await tokenkeep.inState(id, 'token');
    assert.equal((await sandbox.counters()).redirect_host_requests, 0);
  });

  test('about a redirect URI: what is registered is pasted beside it, and the first character that differs is named', async () => {
    const { tokenkeep, sandbox, browser } = on;
    const registered = sandbox.ready.redirect_hosts.live_https;
    const sent = `${registered}/`;
    const id = await tokenkeep.addSandboxProfile('live_https', { redirect_uri: sent });
    const flow = await tokenkeep.authorize(id);
    const { result } = await stopsWith(id, flow, 'redirect_uri_not_registered');
    const card = result.card(id);
    const field = `${card} .compare-registered`;
    assert.ok(await result.visible(field), 'it is open where it is needed');
    assert.equal(await result.visible(`${card} .comparison .finding`), false);
    const shown = (part) => result.text(`${card} .comparison .finding-${part}`);

    await typeInto(result.page, field, registered);
    assert.match(await shown('what'), new RegExp(`ends with a slash \\(character ${sent.length}\\)`));
    assert.equal(await shown('evidence-text'), `${sent}\n${registered}\n${' '.repeat(registered.length)}^`);
    await result.click(`${card} .comparison .finding-action`);
    await until('what to register is on the clipboard', async () => (await browser.readClipboard()) === sent);

    await typeInto(result.page, field, sent);
    assert.match(await shown('what'), /are the same to LinkedIn/);
    // Whoever pastes a whole callback keeps its code to themselves.
    const code = `AQ${'T4'.repeat(40)}`;
    await typeInto(result.page, field, `${sent}?code=${code}`);
    assert.ok(!(await result.page.$eval(card, (element) => element.textContent)).includes(code));
    await typeInto(result.page, field, 'http://[not an address');
    assert.match(await shown('what'), /begin differently \(character 5\)/);

    await result.page.$eval(field, (element) => element.select());
    await result.page.keyboard.press('Delete');
    assert.equal(await result.visible(`${card} .comparison .finding`), false);
  });

  test('about an unknown client id: the button leads to the form, and with the right one it works', async () => {
    const { tokenkeep, sandbox } = on;
    const { client_id, client_secret } = sandbox.ready.app;
    const id = await tokenkeep.addSandboxProfile('live_https', { client_id: '77sandboxnobody' });
    const flow = await tokenkeep.authorize(id);
    const { result, finding, button } = await stopsWith(id, flow, 'invalid_client_id');
    assert.match(finding.what, /does not know this Client ID/);
    assert.match(finding.evidence, /The passed in client_id is invalid/);
    await result.click(button);
    await result.fillSetup({ client_id, client_secret });
    await result.click('#setup_save');
    await result.shown('view-home');
    await againToToken(result, id);
    await tokenkeep.inState(id, 'token');
  });

  test('with status 200 and words that nobody has described: they are shown as they are, as text', async () => {
    const { tokenkeep, sandbox, browser } = on;
    const words = 'A new &lt;img src=x onerror="document.title=1"&gt; problem of LinkedIn';
    await sandbox.fault('authorization', html(200, page('Bummer, something went wrong.', words)), 2);
    const id = await tokenkeep.addSandboxProfile('live_https');
    const flow = await tokenkeep.authorize(id);
    const { result, finding, button } = await stopsWith(id, flow, 'error_page');
    assert.match(finding.what, /own error page/);
    assert.match(finding.evidence, /problem of LinkedIn/);
    assert.equal(await result.page.$('img[src="x"]'), null);
    await result.click(button);
    await until('the portal is open', async () =>
      (await browser.tabs()).some(({ url }) => url.startsWith('https://www.linkedin.com/developers/apps')),
    );
  });

  test('shows no secret of ours that it quotes', async () => {
    const { tokenkeep, sandbox } = on;
    const { client_secret } = sandbox.ready.app;
    const token = 'AQX'.padEnd(120, 'd4');
    await sandbox.fault('authorization', html(401, page('Bummer', `Look: ${token}`)), 2);
    const id = await tokenkeep.addSandboxProfile('live_https');
    const flow = await tokenkeep.authorize(id);
    const { finding } = await stopsWith(id, flow, 'error_page');
    assert.ok(!JSON.stringify(finding).includes(token));
    assert.ok(!JSON.stringify(finding).includes(client_secret));
  });

  test('is noticed when the worker was stopped before it came', async () => {
    const { tokenkeep, sandbox, browser } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    await sandbox.fault('authorization', { kind: 'delay', ms: 1500 });
    const { app } = sandbox.ready;
    await sandbox.app({ client_id: app.client_id, redirect_uris: [] });
    const flow = await tokenkeep.authorize(id);
    await until('LinkedIn is asked', async () => (await sandbox.authorizationRequests()).length === 1);
    await until('the flow waits for the redirect', async () =>
      (await tokenkeep.engine()).flows[flow.id]?.phase?.AwaitingRedirect?.navigated,
    );
    await browser.killWorker();
    await stopsWith(id, flow, 'redirect_uri_not_registered');
  });
});

describe('not taken for one:', () => {
  /** The flow waits on, and the page was not read again. */
  async function waitsOn(flow, requests) {
    const since = performance.now();
    await until('the worker would have looked', async () => {
      const state = await flow.stateParameter();
      assert.ok(state, await flow.whereabouts('the flow ended'));
      return performance.now() - since > LOOK_MS;
    });
    assert.equal((await on.sandbox.authorizationRequests()).length, requests);
  }

  test('the login page, and the consent page after it', async () => {
    const { tokenkeep, sandbox } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    const flow = await tokenkeep.authorize(id);
    await until('LinkedIn asks to sign in', async () => (await flow.asked(await flow.tab())) === '#sign-in');
    await waitsOn(flow, 1);
    await flow.signIn();
    await waitsOn(flow, 1);
    await flow.complete();
    await tokenkeep.inState(id, 'token');
    assert.equal((await sandbox.authorizationRequests()).length, 1);
  });

  test('a page with an error status that is another: it is read, and the flow waits on', async () => {
    const { tokenkeep, sandbox, browser } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    await sandbox.fault('authorization', html(503, page('Back soon', 'Down for a minute')));
    const flow = await tokenkeep.authorize(id);
    await until('the page is read', async () => (await sandbox.authorizationRequests()).length === 2);
    await waitsOn(flow, 2);
    const tab = await flow.tab();
    await tab.bringToFront();
    // The person tries again.
    await browser.press(tab, 'reload');
    await flow.complete();
    await tokenkeep.inState(id, 'token');
  });

  test('one that the person has open in another tab, and the same address there', async () => {
    const { tokenkeep, sandbox, browser } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    const flow = await tokenkeep.authorize(id);
    await until('LinkedIn asks to sign in', async () => (await flow.asked(await flow.tab())) === '#sign-in');
    const other = await browser.newPage();
    await other.goto(`${AUTHORIZATION}?client_id=nobody&state=${await flow.stateParameter()}`);
    assert.match(await other.title(), /Bummer/);
    await waitsOn(flow, 2);
    assert.match(await other.title(), /Bummer/, 'the tab is the person’s');
    await other.close();
    await flow.complete();
    await tokenkeep.inState(id, 'token');
    assert.equal((await sandbox.counters()).redirect_host_requests, 0);
  });
});
