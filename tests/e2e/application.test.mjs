// Tokens of the app itself (2-legged, the client credentials grant): no member, no tab, no redirect.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { Holder } from './lib/holder.mjs';
import { onlyIn, stage } from './lib/stage.mjs';
import { tabsOpened } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const PROVIDER = 'linkedin-application';
const HALF_HOUR_MS = 30 * 60_000;
const LINKEDIN = 'https://www.linkedin.com/*';

beforeEach(async () => {
  const { tokenkeep, browser } = on;
  await browser.setPrompts('allow');
  await tokenkeep.startOver();
  await tokenkeep.removeHosts();
});

/** What the form is given; the seeded app has the grant. */
function application(more) {
  const { client_id, client_secret } = on.sandbox.ready.legacy_app;
  return { provider: PROVIDER, client_id, client_secret, name: 'the app itself', ...more };
}

/** Saves a profile with Save and authorize, and returns its id. */
async function begin(more) {
  const { tokenkeep } = on;
  await tokenkeep.fillSetup(application(more));
  await tokenkeep.click('#setup_submit');
  return tokenkeep.saved();
}

/** The same with the token that it brings. */
async function withToken() {
  return Holder.at(on.tokenkeep, await begin());
}

/** Nobody was sent anywhere, and every token request was one of the app itself. */
async function onlyTheGrant() {
  const log = await on.sandbox.log();
  const asked = log.map(({ method, host, path }) => `${method} ${host}${path}`);
  assert.deepEqual(new Set(asked), new Set(['POST www.linkedin.com/oauth/v2/accessToken']));
  for (const { form, headers } of log) {
    assert.deepEqual(Object.keys(form).sort(), ['client_id', 'client_secret', 'grant_type']);
    assert.equal(form.grant_type, 'client_credentials');
    assert.equal(headers.cookie, false);
    assert.equal(headers.authorization, undefined);
  }
  assert.deepEqual(await on.tokenkeep.sessionRules(), [], 'no rule is left');
}

describe('the form', () => {
  test('asks for neither redirect URI nor scopes, and names LinkedIn alone', async () => {
    const { tokenkeep } = on;
    await tokenkeep.shown('view-setup');
    for (const field of ['#redirect_uri', '#scope']) assert.equal(await tokenkeep.visible(field), true, field);
    await tokenkeep.unfold('#advanced');
    assert.equal(await tokenkeep.visible('#renew_in_tab'), true);
    await tokenkeep.page.select('#provider', PROVIDER);
    for (const field of ['#redirect_uri', '#scope', '.scope-suggestion', '#renew_in_tab']) {
      assert.equal(await tokenkeep.visible(field), false, field);
    }
    assert.equal(await tokenkeep.text('#setup_hosts'), 'Next, allow access to LinkedIn.');
    // Back again: what was typed is still there.
    await tokenkeep.page.select('#provider', 'linkedin');
    assert.equal(await tokenkeep.page.$eval('#scope', (field) => field.checkVisibility() && field.value), 'openid profile email');
  });

  test('does not mind what the hidden fields hold, but wants the secret', async () => {
    const { tokenkeep } = on;
    await tokenkeep.fillSetup(application({ client_secret: '', redirect_uri: 'no address', scope: '"' }));
    await tokenkeep.click('#setup_save');
    await until('the secret is asked for', () => tokenkeep.visible('#client_secret_error'));
    assert.deepEqual(await tokenkeep.index(), []);
    const id = await tokenkeep.addProfile(application());
    await tokenkeep.inState(id, 'ready');
    assert.equal(await tokenkeep.text(`${tokenkeep.card(id)} .profile-main`), 'Get token');
    await tokenkeep.expand(id);
    assert.equal(await tokenkeep.visible(`${tokenkeep.card(id)} .redirect`), false);
    assert.deepEqual(await on.sandbox.log(), []);
  });
});

describe('Get token', () => {
  test('brings a token for half an hour, with no tab and no host but LinkedIn', async () => {
    const { tokenkeep } = on;
    const id = await tokenkeep.addProfile(application());
    await tokenkeep.inState(id, 'ready');
    assert.deepEqual(await tokenkeep.hosts(), []);
    const opened = await tabsOpened(on.browser, async () => {
      await tokenkeep.click(`${tokenkeep.card(id)} .profile-main`);
      await tokenkeep.inState(id, 'token');
    });
    assert.equal(opened, 0);
    assert.deepEqual(await tokenkeep.hosts(), [LINKEDIN]);
    const { token } = await tokenkeep.record(`token:${id}`);
    assert.match(token.access_token, /^\S{40,}$/);
    assert.equal(token.expires_ms - token.obtained_ms, HALF_HOUR_MS);
    assert.equal(token.refresh_token ?? null, null);
    assert.equal(token.account ?? null, null, 'it is nobody’s');
    assert.match(await tokenkeep.text(`${tokenkeep.card(id)} .profile-left`), /^(29|30) minutes/);
    await tokenkeep.click(`${tokenkeep.card(id)} .profile-main`);
    await until('it is on the clipboard', async () => (await on.browser.readClipboard()) === token.access_token);
    await onlyTheGrant();
  });

  test('the same by Save and authorize', async () => {
    const { tokenkeep } = on;
    let id;
    const opened = await tabsOpened(on.browser, async () => {
      id = await begin();
      await tokenkeep.inState(id, 'token');
    });
    assert.equal(opened, 0);
    assert.deepEqual(await tokenkeep.hosts(), [LINKEDIN]);
    assert.equal((await on.sandbox.tokenRequests()).length, 1);
    await onlyTheGrant();
  });

  test('sends nothing while its host is refused', onlyIn('firefox', "Chromium's prompt can't be answered without a display"), async () => {
    const { tokenkeep, sandbox, browser } = on;
    await browser.setPrompts('ask');
    const id = await begin();
    await browser.answerPrompt('refuse');
    const { what } = await tokenkeep.finding(id);
    assert.match(what, /www\.linkedin\.com/);
    assert.deepEqual(await sandbox.log(), []);
  });

  for (const [name, more, fault, code, words] of [
    ['a wrong secret', { client_secret: 'Sandbox2Legged02' }, undefined, 'client_authentication_failed', /did not accept the client secret/],
    ['a secret without its end', { client_secret: 'WPL_AP1.abcdefghijklmnop.ab12cd' }, undefined, 'client_secret_damaged', /did not accept the client secret/],
    ['an unknown client id', { client_id: '86sandboxnobody' }, undefined, 'invalid_client_id', /does not know this Client ID/],
    ['an outage', {}, { kind: 'answer', status: 503 }, 'token_server_error', /error of its own/],
    ['half an answer', {}, { kind: 'cut' }, 'token_cut', /broke off/],
  ]) {
    test(`explains ${name}`, async () => {
      const { tokenkeep, sandbox } = on;
      if (fault) await sandbox.fault('token', fault);
      let id;
      const opened = await tabsOpened(on.browser, async () => {
        id = await begin(more);
        await tokenkeep.inState(id, 'failed');
      });
      assert.equal(opened, 0);
      assert.equal((await tokenkeep.engine()).ended[id].finding.code, code);
      const finding = await tokenkeep.finding(id);
      assert.match(finding.what, words);
      assert.ok(!JSON.stringify(finding).includes(application(more).client_secret));
      assert.equal(await tokenkeep.record(`token:${id}`), undefined);
      assert.equal((await sandbox.tokenRequests()).length, 1);
      assert.equal(await tokenkeep.text(`${tokenkeep.card(id)} .profile-main`), 'Get token');
    });
  }

  test('an app without the grant is told so, and the button leads to the kind of app', async () => {
    const { tokenkeep, sandbox } = on;
    const { client_id, client_secret } = sandbox.ready.app;
    const id = await begin({ client_id, client_secret });
    const finding = await tokenkeep.finding(id);
    assert.equal((await tokenkeep.engine()).ended[id].finding.code, 'two_legged_denied');
    assert.match(finding.what, /may not create application tokens/);
    assert.match(finding.evidence, /not allowed to create application tokens/);
    const button = `${tokenkeep.card(id)} .finding-action`;
    assert.equal(await tokenkeep.text(button), 'Edit profile');
    await tokenkeep.click(button);
    await tokenkeep.shown('view-setup');
    assert.equal(await tokenkeep.value('#provider'), PROVIDER);
    // As a member it works, with the secret that is stored.
    await tokenkeep.fillSetup({
      provider: 'linkedin',
      client_secret,
      redirect_uri: sandbox.ready.redirect_hosts.live_https,
      scope: 'openid profile email',
    });
    const flow = await tokenkeep.flowBy(id, () => tokenkeep.click('#setup_submit'));
    await flow.complete();
    await tokenkeep.inState(id, 'token');
  });

  test('after a failure the next one works', async () => {
    const { tokenkeep, sandbox } = on;
    await sandbox.fault('token', { kind: 'reset' }, 5);
    const id = await begin();
    await tokenkeep.inState(id, 'failed');
    await sandbox.reset();
    await tokenkeep.click(`${tokenkeep.card(id)} .profile-main`);
    await tokenkeep.inState(id, 'token');
  });
});

describe('renewal', () => {
  test('by a click is the same grant once more, without a tab', async () => {
    const { tokenkeep, sandbox } = on;
    const holder = await withToken();
    const opened = await tabsOpened(on.browser, async () => {
      await holder.pressRenew();
      await holder.renewed();
    });
    assert.equal(opened, 0);
    const { token } = await holder.stored();
    assert.equal(token.expires_ms - token.obtained_ms, HALF_HOUR_MS);
    assert.equal(await tokenkeep.state(holder.id), 'token');
    assert.equal((await sandbox.tokenRequests()).length, 2);
    await onlyTheGrant();
  });

  test('fifty commands at once are one request', async () => {
    const holder = await withToken();
    await on.sandbox.fault('token', { kind: 'delay', ms: 800 });
    const replies = await on.tokenkeep.sendAll(Array(50).fill({ Renew: { profile: holder.id } }));
    assert.deepEqual(new Set(replies), new Set(['Done']));
    await holder.renewed();
    assert.equal((await on.sandbox.tokenRequests()).length, 2);
  });

  test('comes by itself three minutes before the end, all pages closed and the worker stopped', async () => {
    const { tokenkeep, sandbox } = on;
    const holder = await withToken();
    await holder.change({ obtained_ms: Date.now() - 28 * 60_000, expires_ms: Date.now() + 2 * 60_000 });
    await tokenkeep.ring();
    await tokenkeep.asleep('LinkedIn is asked again', async () => (await sandbox.tokenRequests()).length === 2);
    const { token } = await holder.renewed();
    assert.ok(token.expires_ms > Date.now() + 28 * 60_000);
    await onlyTheGrant();
  });

  test('a token that has ended is shown so, and the main button gets the next', async () => {
    const { tokenkeep } = on;
    const holder = await withToken();
    await holder.renewByClick();
    await holder.change({ expires_ms: Date.now() + 1200 });
    await tokenkeep.inState(holder.id, 'expired');
    await tokenkeep.click(`${holder.card} .profile-main`);
    await holder.renewed();
    await tokenkeep.inState(holder.id, 'token');
    await onlyTheGrant();
  });

  test('that LinkedIn no longer allows keeps the token and says why', async () => {
    const { tokenkeep, sandbox } = on;
    const holder = await withToken();
    await sandbox.app({ client_id: application().client_id, two_legged: false });
    await holder.pressRenew();
    const what = `${holder.card} .finding-what`;
    await until('it is explained', () => tokenkeep.visible(what));
    assert.match(await tokenkeep.text(what), /may not create application tokens/);
    assert.equal((await holder.stored()).token.access_token, holder.first.token.access_token);
    assert.equal(await tokenkeep.state(holder.id), 'token', 'what lives can be copied');
    assert.equal((await sandbox.tokenRequests()).length, 2);
  });
});
