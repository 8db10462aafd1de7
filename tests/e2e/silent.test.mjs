// Renewal without a refresh token: the worker asks LinkedIn by itself, an inactive tab where the profile allows it, and
// otherwise a click.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { DAY_MS, Holder } from './lib/holder.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { tabsOpened } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const SECOND_MEMBER = 'member.two@sandbox.test';

let holder;
let id;
let first;
let tabs;

beforeEach(async () => {
  await startFresh(on, null);
  await begin();
});

/** A profile with a token that has no refresh token, the member signed in by LinkedIn's cookie. */
async function begin(more) {
  holder = await Holder.of(on.tokenkeep, more);
  ({ id, first } = holder);
  assert.equal(first.token.refresh_token ?? null, null);
  assert.equal((await on.sandbox.state()).session ?? null, null, 'signed in by cookie, not by the control');
  tabs = await open();
}

/** Addresses of all tabs. */
async function open() {
  return (await on.browser.pages()).map(({ url }) => url).sort();
}

/** How the renewal ended: the code of its finding, or `Token`. */
function outcome() {
  return until('the renewal is over', async () => {
    const { flows, ended } = await on.tokenkeep.engine();
    return Object.keys(flows).length === 0 && ended[id]?.renewal && (ended[id].finding?.code ?? 'Token');
  });
}

/** The authorization requests after the first, which was the person's. */
async function asked() {
  return (await on.sandbox.authorizationRequests()).slice(1);
}

async function nothingLeft() {
  const { sandbox, tokenkeep } = on;
  assert.equal((await sandbox.counters()).redirect_host_requests, 0);
  const posts = (await sandbox.state()).codes.map((code) => code.posts);
  assert.ok(posts.every((count) => count <= 1), `no code is posted twice: ${posts}`);
  await tokenkeep.rulesAreOwned();
}

describe('silent renewal', () => {
  test('brings a token with no tab opened and no request at the redirect host', async () => {
    const { sandbox, tokenkeep, browser } = on;
    const opened = await tabsOpened(browser, async () => {
      await holder.pressRenew();
      await holder.renewed();
      assert.equal(await outcome(), 'Token');
    });
    assert.equal(opened, 0);
    const { token } = await holder.stored();
    const requests = await asked();
    assert.equal(requests.length, 1);
    assert.equal(requests[0].headers.cookie, true);
    assert.equal(requests[0].headers['sec-fetch-mode'], 'cors');
    assert.equal(token.account, first.token.account);
    assert.equal(await tokenkeep.state(id), 'token');
    await nothingLeft();
    assert.equal((await sandbox.tokenRequests()).length, 2);
  });

  for (const target of ['dead_loopback', 'unknown']) {
    test(`the same with the redirect URI at ${target}`, async () => {
      const redirect_uri = on.sandbox.ready.redirect_hosts[target];
      if (!redirect_uri) throw new Error(`no ${target}`);
      await on.tokenkeep.startOver();
      await begin({ redirect_uri });
      await holder.pressRenew();
      await holder.renewed();
      assert.equal((await asked()).length, 1);
      await nothingLeft();
    });
  }

  test('fifty commands at once are one request', async () => {
    await on.sandbox.fault('authorization', { kind: 'delay', ms: 800 });
    const replies = await on.tokenkeep.sendAll(Array(50).fill({ Renew: { profile: id } }));
    assert.deepEqual(new Set(replies), new Set(['Done']));
    await holder.renewed();
    assert.equal((await asked()).length, 1);
    await nothingLeft();
  });

  test('from the alarm, all pages closed and the worker stopped', async () => {
    await holder.daysLeft(4);
    await on.tokenkeep.ring();
    await on.tokenkeep.asleep('LinkedIn was asked', async () => (await asked()).length === 1);
    const { token } = await holder.renewed();
    assert.ok(token.expires_ms > Date.now() + 59 * DAY_MS);
    await nothingLeft();
  });

  test('the worker is stopped over the answer: it is asked once more', async () => {
    const { sandbox, browser } = on;
    await sandbox.fault('authorization', { kind: 'hang' });
    await holder.pressRenew();
    await until('the request is there', async () => (await asked()).length === 1);
    await browser.killWorker();
    await (await browser.newPage()).close();
    await holder.renewed();
    assert.equal((await asked()).length, 2);
    await nothingLeft();
  });
});

describe('silent renewal that meets', () => {
  /** It ends in a click, opens nothing, and the old token stays. */
  async function wantsPerson() {
    const { tokenkeep } = on;
    await holder.pressRenew();
    assert.equal(await outcome(), 'needs_click');
    assert.deepEqual(await open(), tabs, 'nothing is opened uninvited');
    assert.equal((await holder.stored()).token.access_token, first.token.access_token);
    assert.equal(await tokenkeep.state(id), 'token', 'what lives can be copied');
    assert.match(await tokenkeep.text(`${holder.card} .finding-what`), /wants you to sign in or consent/);
    await nothingLeft();
  }

  test('the login page', async () => {
    await on.sandbox.signOut();
    await wantsPerson();
    // With a click it goes on.
    const flow = await on.tokenkeep.authorize(id);
    await flow.sendSignIn();
    assert.equal(await flow.outcome(), 'Token');
  });

  test('a redirect to the login page', async () => {
    const login = 'https://www.linkedin.com/uas/login?session_redirect=x';
    await on.sandbox.fault('authorization', { kind: 'redirect', status: 303, location: login });
    await wantsPerson();
    assert.equal((await on.sandbox.log()).some((entry) => entry.path === '/uas/login'), false, 'nobody goes there');
  });

  test('the consent page', async () => {
    const { client_id } = on.sandbox.ready.app;
    await on.sandbox.revoke(client_id, on.sandbox.ready.member.username);
    await wantsPerson();
  });

  test("LinkedIn's own error page: told as in a tab, with nothing opened and no second request", async () => {
    const { sandbox, tokenkeep } = on;
    const { client_id, redirect_uris } = sandbox.ready.app;
    await sandbox.app({ client_id, redirect_uris: [] });
    await holder.pressRenew();
    assert.equal(await outcome(), 'redirect_uri_not_registered');
    assert.deepEqual(await open(), tabs);
    assert.equal((await holder.stored()).token.access_token, first.token.access_token, 'the old token is kept');
    assert.equal(await tokenkeep.state(id), 'token');
    assert.match(await tokenkeep.text(`${holder.card} .finding-what`), /does not know this redirect URI/);
    assert.equal((await asked()).length, 1);
    const { ended } = await tokenkeep.engine();
    assert.ok(ended[id].again_ms > Date.now() + DAY_MS / 2, 'it is not tried again by itself before tomorrow');
    await nothingLeft();
    await sandbox.app({ client_id, redirect_uris });
    await holder.pressRenew();
    await holder.renewed();
  });

  test('another member', async () => {
    const { sandbox, tokenkeep } = on;
    const { client_id } = sandbox.ready.app;
    await sandbox.grant(client_id, SECOND_MEMBER, ['openid', 'profile', 'email']);
    await sandbox.session(SECOND_MEMBER);
    await holder.pressRenew();
    assert.equal(await outcome(), 'other_member');
    assert.equal((await holder.stored()).token.access_token, first.token.access_token, 'the old token is kept');
    const why = await tokenkeep.text(`${holder.card} .finding-why`);
    assert.match(why, /Member One/);
    assert.match(why, /Member Two/);
    // The card's own button copies the token that is kept.
    assert.ok(await tokenkeep.visible(`${holder.card} .finding-action`));
    assert.equal(await tokenkeep.text(`${holder.card} .finding-action`), 'Authorize again');
    await nothingLeft();
    // The right one again.
    await sandbox.session(sandbox.ready.member.username);
    await tokenkeep.click(`${holder.card} .profile-renew`);
    await holder.renewed();
  });

  test('an outage: it may be tried again', async () => {
    await on.sandbox.fault('authorization', { kind: 'answer', status: 503 });
    await holder.pressRenew();
    assert.equal(await outcome(), 'renewal_failed');
    await on.tokenkeep.click(`${holder.card} .finding-action`);
    await holder.renewed();
    await nothingLeft();
  });
});

describe('an inactive tab', () => {
  const allowTab = () => holder.toggle('#renew_in_tab');

  test('is not opened where the profile does not allow it', async () => {
    await on.sandbox.quirks({ navigations_only: true });
    await holder.pressRenew();
    assert.equal(await outcome(), 'needs_click');
    assert.deepEqual(await open(), tabs);
  });

  test('brings the token where LinkedIn refuses a background request, and closes itself', async () => {
    const { tokenkeep, sandbox } = on;
    await allowTab();
    await sandbox.quirks({ navigations_only: true });
    await holder.pressRenew();
    await holder.renewed();
    await until('the tab is gone', async () => (await open()).length === tabs.length);
    assert.deepEqual(await open(), tabs, 'no result page either');
    assert.equal(await tokenkeep.page.evaluate(() => document.visibilityState), 'visible', 'the person stays where they are');
    const modes = (await asked()).map((request) => request.headers['sec-fetch-mode']);
    assert.deepEqual(modes, ['cors', 'navigate']);
    await nothingLeft();
  });

  test('that shows a page is closed, and a click is needed', async () => {
    await allowTab();
    await on.sandbox.signOut();
    await holder.pressRenew();
    await until('the tab is open', async () => (await open()).length === tabs.length + 1);
    assert.equal(await until('the renewal is over', outcome, { timeout: 60_000 }), 'needs_click');
    await until('the tab is gone', async () => (await open()).length === tabs.length);
    await nothingLeft();
  });
});
