// Tabs: several flows, other tabs, closed tabs, and what Back, Reload and reopening bring back.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { stage } from './lib/stage.mjs';
import { clickAway } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

beforeEach(async () => {
  await on.tokenkeep.startOver();
  await on.sandbox.session(on.sandbox.ready.member.username);
});

/** A page of the sandbox that was asked for after everything before it: what did not arrive until then never will. */
async function barrier() {
  const page = await on.browser.newPage();
  await page.goto('https://www.tokenkeep.test/barrier');
  await page.close();
}

test('two flows at once end each with its own token', async () => {
  const { tokenkeep, sandbox } = on;
  const first = await tokenkeep.addSandboxProfile('live_https');
  const second = await tokenkeep.addSandboxProfile('live_loopback');
  const a = await tokenkeep.authorize(first);
  await a.signIn();
  const b = await tokenkeep.authorize(second);
  await b.signIn();
  await b.consent();
  await a.consent();
  assert.equal(await a.outcome(), 'Token');
  assert.equal(await b.outcome(), 'Token');
  assert.notEqual(await tokenkeep.storedToken(first), await tokenkeep.storedToken(second));
  const counters = await sandbox.counters();
  assert.equal(counters.token_posts, 2);
  assert.equal(counters.redirect_host_requests, 0);
});

test('two flows of one profile at once have a defined end', async () => {
  const { tokenkeep, sandbox } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const a = await tokenkeep.authorize(id);
  await a.signIn();
  // The page offers no second start while one runs; another page that was open before may.
  const before = await tokenkeep.engine();
  assert.equal(await tokenkeep.visible(`${tokenkeep.card(id)} .profile-main`), false);
  assert.equal(Object.keys(before.flows).length, 1);
  await a.consent();
  assert.equal(await a.outcome(), 'Token');
  assert.equal((await sandbox.counters()).redirect_host_requests, 0);
});

test('a closed tab ends the flow', async () => {
  const { tokenkeep, sandbox } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  const page = await flow.signIn();
  await page.close();
  assert.equal(await flow.outcome(), 'tab_closed');
  assert.match((await tokenkeep.finding(id)).what, /tab was closed/);
  assert.equal((await sandbox.counters()).token_posts, 0);
});

test('the person goes elsewhere in the tab and comes back', async () => {
  const { tokenkeep, sandbox, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  const page = await flow.signIn();
  const address = await page.evaluate(() => location.href);
  // Another page of the redirect host is none of ours. (Puppeteer may miss the end of a load in a tab that it has not opened.)
  await browser.visit(page, 'https://app.tokenkeep.test/about');
  assert.equal(await page.evaluate(() => location.pathname), '/about');
  assert.ok((await tokenkeep.engine()).flows[flow.id]?.phase.AwaitingRedirect, 'it waits');
  await browser.visit(page, address);
  const { redirect_host_requests: before } = await sandbox.counters();
  await flow.complete();
  assert.equal((await sandbox.counters()).redirect_host_requests, before);
});

test('an edit in the middle of a flow changes nothing of it', async () => {
  const { tokenkeep, sandbox } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  const { redirect_hosts: hosts, app } = sandbox.ready;
  await tokenkeep.change(`profile:${id}`, { redirect_uri: hosts.dead_loopback, client_id: '77another' });
  await tokenkeep.change(`secret:${id}`, { client_secret: 'another' });
  await flow.complete();
  const [{ form }] = await sandbox.tokenRequests();
  assert.deepEqual([form.redirect_uri, form.client_id, form.client_secret], [hosts.live_https, app.client_id, app.client_secret]);
  assert.equal((await sandbox.counters()).redirect_host_requests, 0);
});

test('Cancel ends the flow and closes its tab', async () => {
  const { tokenkeep, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  await tokenkeep.expand(id);
  await tokenkeep.click(`${tokenkeep.card(id)} .flow-cancel`);
  assert.equal(await flow.outcome(), 'cancelled');
  await until('the tab is closed', async () => (await browser.tabs()).every(({ url }) => !url.includes('linkedin.com')));
});

test('a callback in another tab is captured there', async () => {
  const { tokenkeep, sandbox, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  const page = await flow.signIn();
  const address = await page.evaluate(() => location.href);
  const other = await browser.newPage();
  await other.goto(address);
  await until('consent is asked for', () => other.$('#allow'));
  await clickAway(other, '#allow');
  assert.equal(await flow.outcome(), 'Token');
  assert.equal((await sandbox.counters()).redirect_host_requests, 0);
  await until('both tabs are closed', async () => (await browser.tabs()).every(({ url }) => !/linkedin|error/.test(url)));
});

test('a callback that comes twice is exchanged once', async () => {
  const { tokenkeep, sandbox, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  const state = await flow.stateParameter();
  await flow.complete();
  const [{ form }] = await sandbox.tokenRequests();
  const page = await browser.newPage();
  await browser.visit(page, `${form.redirect_uri}?${new URLSearchParams({ code: form.code, state })}`);
  await barrier();
  const counters = await sandbox.counters();
  assert.equal(counters.token_posts, 1);
  assert.equal(counters.redirect_host_requests, 0);
  assert.equal(await tokenkeep.state(id), 'token');
});

test('a callback of an attacker in another tab starts no exchange', async () => {
  const { tokenkeep, sandbox, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  const page = await browser.newPage();
  await page.goto(`${sandbox.ready.redirect_hosts.live_https}?code=attacker&state=guessed-state-0123456789`);
  const { flows } = await tokenkeep.engine();
  assert.ok(flows[flow.id], 'the flow still waits');
  assert.equal((await sandbox.counters()).token_posts, 0);
  await flow.complete();
});

test("the person's own login at the redirect host is not blocked", async () => {
  const { tokenkeep, sandbox, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  const { live_https: callback } = sandbox.ready.redirect_hosts;
  const page = await browser.newPage();
  for (const address of [`${callback}?code=mine&state=my-own-state`, callback, new URL('/', callback).href]) {
    const answer = await page.goto(address);
    assert.equal(answer.status(), 200, `${address} loads while the flow runs`);
  }
  await flow.complete();
  const answer = await page.goto(`${callback}?code=mine&state=my-own-state`);
  assert.equal(answer.status(), 200, 'and after it');
});

test("a page's own POST to the token endpoint keeps its Origin, ours has none", async () => {
  const { tokenkeep, sandbox, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  const page = await browser.newPage();
  await page.goto(await sandbox.page('/own', '<title>own</title>'));
  await page.evaluate(() =>
    fetch('https://www.linkedin.com/oauth/v2/accessToken', {
      method: 'POST',
      mode: 'no-cors',
      body: new URLSearchParams({ grant_type: 'nothing' }),
    }),
  );
  await flow.complete();
  const posts = await sandbox.tokenRequests();
  assert.deepEqual(
    posts.map(({ headers }) => headers.origin),
    ['https://www.tokenkeep.test', undefined],
  );
});

describe('after success the code does not come back', () => {
  /** A flow whose tab the person keeps: the extension closes it, so these reopen it first. */
  async function finished(target) {
    const { tokenkeep } = on;
    const id = await tokenkeep.addSandboxProfile(target);
    const flow = await tokenkeep.authorize(id);
    await flow.complete();
    await until('the flow tab is closed', () => flow.page.isClosed());
    return flow;
  }

  for (const target of ['live_https', 'live_loopback']) {
    test(`by reopening the closed tab, Reload, Back and Forward (${target})`, async () => {
      const { sandbox, browser } = on;
      await finished(target);
      const page = await browser.reopenClosedTab();
      const settled = () => until('the tab has settled', () => page.evaluate(() => document.readyState === 'complete'));
      await settled();
      for (const button of ['reload', 'back', 'forward', 'reload']) await browser.press(page, button);
      await barrier();
      assert.equal((await sandbox.counters()).redirect_host_requests, 0);
      assert.equal((await sandbox.counters()).second_code_posts, 0);
    });

    test(`by Back and Reload in the result page (${target})`, async () => {
      const { sandbox, browser } = on;
      const flow = await finished(target);
      const result = await until('the result page is open', async () =>
        (await browser.pages()).find(({ url }) => url.endsWith(`#${flow.id}`))?.page,
      );
      await result.bringToFront();
      for (const button of ['back', 'reload', 'forward']) await browser.press(result, button);
      await barrier();
      assert.equal((await sandbox.counters()).redirect_host_requests, 0);
    });
  }

  test('Back and Reload in a tab that the person kept open at the callback', async () => {
    const { sandbox, browser } = on;
    await finished('live_https');
    const [{ form }] = await sandbox.tokenRequests();
    const [{ query }] = await sandbox.authorizationRequests();
    const page = await browser.newPage();
    await page.goto('https://www.tokenkeep.test/start');
    const answer = new URLSearchParams({ code: form.code, state: query.state });
    await browser.visit(page, `${form.redirect_uri}?${answer}`);
    await browser.visit(page, 'https://www.tokenkeep.test/next');
    for (const button of ['back', 'reload', 'back', 'forward', 'reload']) await browser.press(page, button);
    await barrier();
    assert.equal((await sandbox.counters()).redirect_host_requests, 0);
  });
});
