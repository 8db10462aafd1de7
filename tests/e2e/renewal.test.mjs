// Tokens that are renewed by their refresh token; silent.test.mjs has those that have none.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { DAY_MS, Holder } from './lib/holder.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

let holder;
let id;
let first;

beforeEach(async () => {
  await startFresh(on);
  const { client_id, client_secret } = on.sandbox.ready.refresh_app;
  holder = await Holder.of(on.tokenkeep, { client_id, client_secret });
  ({ id, first } = holder);
});

async function renewals() {
  const requests = await on.sandbox.tokenRequests();
  return requests.slice(1);
}

/** How the last renewal ended, once it did so. */
function ended(so) {
  return until('the renewal has ended', async () => {
    const last = (await on.tokenkeep.engine()).ended[id];
    return last?.renewal && so(last) && last;
  });
}

/** When the tokens are looked at next. */
async function nextLook() {
  return (await on.tokenkeep.alarms()).find(({ name }) => name === 'tokens')?.scheduledTime;
}

/** The time comes at which the renewal is to be tried again. */
async function timeComes() {
  await on.browser.killWorker();
  await on.tokenkeep.page.evaluate(async (profile) => {
    const { engine } = await chrome.storage.session.get('engine');
    engine.ended.find((last) => last.profile === profile).again_ms = Date.now();
    await chrome.storage.session.set({ engine });
  }, id);
  await on.tokenkeep.ring();
}

function badge() {
  return on.tokenkeep.page.evaluate(() => chrome.action.getBadgeText({}));
}

describe('a click on Renew', () => {
  test('is one request with the refresh token, without a tab and without the redirect host', async () => {
    const { tokenkeep, sandbox, browser } = on;
    const tabs = (await browser.pages()).length;
    await holder.pressRenew();
    const { token } = await holder.renewed();
    assert.equal(token.refresh_token, first.token.refresh_token, "LinkedIn's does not rotate");
    assert.deepEqual(token.scope_granted, first.token.scope_granted);
    assert.ok(token.refresh_expires_ms <= first.token.refresh_expires_ms + 2000, 'no renewal extends the year');
    assert.equal(token.account, first.token.account);
    assert.equal((await renewals()).length, 1);
    assert.equal((await browser.pages()).length, tabs);
    assert.equal((await sandbox.counters()).redirect_host_requests, 0);
    assert.equal(await tokenkeep.state(id), 'token');
    assert.match(await tokenkeep.text(`${holder.card} .token-renewable`), /without a click until/);
  });

  test('the old token can be copied until the new one is stored', async () => {
    const { tokenkeep, sandbox } = on;
    await sandbox.fault('token', { kind: 'delay', ms: 1500 });
    await holder.pressRenew();
    const button = `${holder.card} .profile-renew`;
    await until('the renewal shows', async () => (await tokenkeep.text(button)) === 'Renewing…');
    assert.equal(await tokenkeep.page.$eval(button, (renew) => renew.disabled), true);
    assert.equal(await tokenkeep.state(id), 'token');
    assert.equal((await holder.stored()).token.access_token, first.token.access_token);
    await holder.renewed();
    await until('the button is back', async () => (await tokenkeep.text(button)) === 'Renew');
  });

  test('fifty commands at once are one request', async () => {
    await on.sandbox.fault('token', { kind: 'delay', ms: 800 });
    const replies = await on.tokenkeep.sendAll(Array(50).fill({ Renew: { profile: id } }));
    assert.deepEqual(new Set(replies), new Set(['Done']));
    await holder.renewed();
    assert.equal((await renewals()).length, 1);
  });

  test('a dead token is renewed as well', async () => {
    await holder.daysLeft(-1);
    await on.tokenkeep.inState(id, 'expired');
    await on.tokenkeep.click(`${holder.card} .profile-main`);
    await holder.renewed();
    await on.tokenkeep.inState(id, 'token');
  });
});

describe('a token whose profile was edited into another app', () => {
  const renew = () => `${holder.card} .profile-renew`;

  async function becomes(app) {
    await on.tokenkeep.edit(id);
    await on.tokenkeep.fillSetup(app);
    await on.tokenkeep.save();
    await on.tokenkeep.expand(id);
  }

  for (const [kind, marked] of [
    ['', true],
    [' (of an older version, which did not note its app)', false],
  ]) {
    test(`is kept and shown, renewed by nothing, and whole again when the edit is undone${kind}`, async () => {
      const { tokenkeep, sandbox } = on;
      const { app, refresh_app } = sandbox.ready;
      if (!marked) await holder.change({ issued_to: null });
      await holder.daysLeft(2);
      await holder.renewByClick();
      await becomes({ client_id: app.client_id, client_secret: app.client_secret });
      await tokenkeep.change(`profile:${id}`, { renew_automatically: true });
      const what = `${holder.card} .finding-what`;
      await until('it is told', () => tokenkeep.visible(what));
      assert.match(await tokenkeep.text(what), /issued to another Client ID/);
      assert.equal(await tokenkeep.state(id), 'token');
      assert.equal(await tokenkeep.visible(renew()), false);
      // Nor does the alarm, or a page that still shows the button.
      await tokenkeep.ring();
      assert.deepEqual(await tokenkeep.sendAll([{ Renew: { profile: id } }]), ['Done']);
      await until('the tokens were looked at', async () => (await nextLook()) > Date.now() + 60_000);
      assert.deepEqual(await renewals(), []);
      const kept = await holder.stored();
      assert.equal(kept.token.access_token, first.token.access_token);
      assert.equal(kept.token.refresh_refused_ms, null);

      await holder.renewByClick();
      await becomes({ client_id: refresh_app.client_id, client_secret: refresh_app.client_secret });
      await until('nothing is said', async () => !(await tokenkeep.visible(what)));
      await tokenkeep.click(renew());
      const { token } = await holder.renewed();
      assert.equal(token.issued_to, `linkedin ${refresh_app.client_id}`);
    });
  }

  test('the button brings one of the new app', async () => {
    const { tokenkeep, sandbox } = on;
    const { client_id, client_secret } = sandbox.ready.app;
    await becomes({ client_id, client_secret });
    const button = `${holder.card} .finding-action`;
    await until('the button is there', () => tokenkeep.visible(button));
    assert.equal(await tokenkeep.text(button), 'Authorize again');
    assert.equal(await tokenkeep.visible(`${holder.card} .profile-authorize`), false, 'one button for it');
    await (await tokenkeep.flowBy(id, () => tokenkeep.click(button))).complete();
    const { token } = await holder.renewed();
    assert.equal(token.issued_to, `linkedin ${client_id}`);
  });
});

describe('a renewal that fails', () => {
  test('a refused refresh token: the old token stays, and nothing is asked again', async () => {
    const { tokenkeep, sandbox } = on;
    await sandbox.revoke(sandbox.ready.refresh_app.client_id, sandbox.ready.member.username);
    await holder.pressRenew();
    const what = `${holder.card} .finding-what`;
    await until('it is explained', () => tokenkeep.visible(what));
    assert.match(await tokenkeep.text(what), /refresh token works no more/);
    const kept = await holder.stored();
    assert.equal(kept.token.access_token, first.token.access_token);
    assert.ok(kept.token.refresh_refused_ms > 0);
    assert.equal(await tokenkeep.state(id), 'token', 'what lives can be copied');
    await holder.daysLeft(1);
    await tokenkeep.ring();
    await until('the icon counts the last day', async () => (await badge()) === '1d');
    assert.equal((await renewals()).length, 1);
  });

  for (const [name, fault, reason] of [
    ['half an answer', { kind: 'cut' }, /^LinkedIn’s answer broke off\. The present token/],
    ['an error of its own', { kind: 'answer', status: 503 }, /^LinkedIn had an error of its own \(HTTP 503\)\. The present token/],
  ]) {
    test(`the token endpoint answers with ${name}: the refresh token is kept and works`, async () => {
      const { tokenkeep, sandbox } = on;
      await sandbox.fault('token', fault);
      await holder.pressRenew();
      const what = `${holder.card} .finding-what`;
      await until('it is explained', () => tokenkeep.visible(what));
      assert.match(await tokenkeep.text(what), /could not be renewed/);
      assert.match(await tokenkeep.text(`${holder.card} .finding-why`), reason);
      assert.doesNotMatch(await tokenkeep.text(`${holder.card} .finding-evidence-text`), /token_/, 'no key of a text');
      assert.equal((await holder.stored()).token.refresh_refused_ms ?? null, null);
      await tokenkeep.click(`${holder.card} .finding-action`);
      await holder.renewed();
      await until('nothing is wrong any more', async () => !(await tokenkeep.visible(what)));
    });
  }

  test('the worker is stopped over the answer: it is asked once more', async () => {
    const { sandbox, browser } = on;
    await sandbox.fault('token', { kind: 'hang' });
    await holder.pressRenew();
    await until('the request is there', async () => (await renewals()).length === 1);
    await browser.killWorker();
    // Any event wakes a worker.
    await (await browser.newPage()).close();
    await holder.renewed();
    assert.equal((await renewals()).length, 2);
  });
});

describe('without a person', () => {
  test('a token that is due is renewed from the alarm, all pages closed and the worker stopped', async () => {
    const { tokenkeep } = on;
    await holder.daysLeft(4);
    await tokenkeep.ring();
    await tokenkeep.asleep('it is renewed', async () => (await renewals()).length === 1);
    const { token } = await holder.renewed();
    assert.ok(token.expires_ms > Date.now() + 59 * DAY_MS);
    assert.equal(await badge(), '');
    const names = (await tokenkeep.alarms()).map((alarm) => alarm.name);
    assert.ok(names.includes('tokens'), `the next look is planned: ${names}`);
  });

  test('of many tokens that end together four are renewed at once, and all in the end', async () => {
    const { tokenkeep, sandbox } = on;
    const profile = await tokenkeep.record(`profile:${id}`);
    const secret = await tokenkeep.record(`secret:${id}`);
    const all = Array.from({ length: 9 }, (_, number) => `many${number}`);
    const due = { ...first, token: { ...first.token, obtained_ms: Date.now() - 59 * DAY_MS, expires_ms: Date.now() + DAY_MS } };
    const records = all.flatMap((name) => [
      [`profile:${name}`, { ...profile, id: name }],
      [`secret:${name}`, secret],
      [`token:${name}`, due],
    ]);
    const entries = all.map((name) => ({ id: name, name }));
    await tokenkeep.put({ ...Object.fromEntries(records), index: { entries } });
    await sandbox.fault('token', { kind: 'delay', ms: 2000 }, all.length);
    await tokenkeep.ring();
    let most = 0;
    await until('all are renewed', async () => {
      most = Math.max(most, Object.keys((await tokenkeep.engine()).flows).length);
      const tokens = await tokenkeep.local(all.map((name) => `token:${name}`));
      return Object.values(tokens).every(({ flow }) => flow !== first.flow);
    }, { timeout: 120_000 });
    assert.equal(most, 4);
    assert.equal((await renewals()).length, all.length);
  });

  test('a server that says when to come back is not asked before, and then once', async () => {
    const { tokenkeep, sandbox } = on;
    await sandbox.fault('token', { kind: 'answer', status: 503, headers: { 'retry-after': '7200' } });
    await holder.daysLeft(4);
    await tokenkeep.ring();
    const { at_ms, again_ms } = await ended((last) => last.finding);
    const [least, most] = [at_ms + 7_200_000, at_ms + 7_920_000];
    assert.ok(least <= again_ms && again_ms <= most, `${again_ms - at_ms} ms later`);
    await tokenkeep.ring();
    await until('the next look is planned for then', async () => (await nextLook()) === again_ms);
    assert.equal((await renewals()).length, 1);
    await timeComes();
    await holder.renewed();
    assert.equal((await renewals()).length, 2);
  });

  test('one that reaches nobody is tried again a minute later, then ever later, and sooner when the network is back', async () => {
    const { tokenkeep, sandbox, browser } = on;
    await sandbox.fault('token', { kind: 'cut' }, 2);
    await holder.daysLeft(4);
    await tokenkeep.ring();
    const first = await ended((last) => last.tries === 1);
    assert.equal(first.again_ms, first.at_ms + 60_000);
    await tokenkeep.ring();
    await until('the next look is planned for then', async () => (await nextLook()) === first.again_ms);
    await timeComes();
    const second = await ended((last) => last.tries === 2);
    assert.equal(second.again_ms, second.at_ms + 300_000);
    await browser.loseNetwork();
    const { again_ms } = await ended((last) => last.again_ms < second.again_ms);
    // The look at it is planned anew, and nothing is asked more often than once in a minute.
    assert.equal(again_ms, second.at_ms + 60_000);
    await until('the next look is planned for then', async () => (await nextLook()) === again_ms);
    assert.equal((await renewals()).length, 2);
    await timeComes();
    await holder.renewed();
    assert.equal((await renewals()).length, 3);
  });

  for (const [how, spoil] of [
    ['was lost', () => chrome.alarms.clear('tokens')],
    ['a clock that went wrong put a year away', () => chrome.alarms.create('tokens', { when: Date.now() + 365 * 86_400_000 })],
  ]) {
    test(`an alarm that ${how} is made good whenever the worker wakes`, async () => {
      const { tokenkeep, browser } = on;
      await browser.killWorker();
      await holder.daysLeft(4);
      await tokenkeep.page.evaluate(spoil);
      // Any event; a tab that closes is none of the tokens' business.
      await (await browser.newPage()).close();
      await until('it is renewed', async () => (await renewals()).length === 1, { timeout: 45_000 });
      const day = Date.now() + DAY_MS;
      await until('the next look is planned within a day', async () =>
        (await tokenkeep.alarms()).some((alarm) => alarm.name === 'tokens' && alarm.scheduledTime <= day),
      );
    });
  }

  test('one that lacks the host is told once, and goes on when the host is granted', async () => {
    const { tokenkeep } = on;
    const traces = async () => ((await tokenkeep.record(`trace:${id}`)) ?? []).length;
    await tokenkeep.removeHosts(['https://www.linkedin.com/*']);
    await holder.daysLeft(4);
    await tokenkeep.ring();
    const told = await ended((last) => last.finding);
    assert.equal(told.finding.code, 'permission_refused');
    assert.equal(await tokenkeep.state(id), 'token', 'what lives can be copied');
    assert.equal(await tokenkeep.text(`${holder.card} .finding-action`), 'Allow access');
    await tokenkeep.ring();
    await until('the icon counts the days', async () => (await badge()) === '4d');
    const before = await traces();
    await tokenkeep.ring();
    await tokenkeep.looked();
    assert.equal((await ended(() => true)).at_ms, told.at_ms, 'it is not begun again');
    assert.equal(await traces(), before);
    assert.equal((await renewals()).length, 0);
    await tokenkeep.grantHosts(['https://www.linkedin.com/*']);
    await holder.renewed();
    await until('the icon says nothing', async () => (await badge()) === '');
  });

  describe('a refresh token that ends within an access token’s life', () => {
    const LOGIN = { kind: 'redirect', status: 303, location: 'https://www.linkedin.com/uas/login' };
    const grants = (requests) => requests.map(({ form }) => form.grant_type);

    test('comes second: LinkedIn is asked silently, and gives another year', async () => {
      await holder.daysLeft(4);
      await holder.change({ refresh_expires_ms: Date.now() + 40 * DAY_MS });
      await on.tokenkeep.ring();
      const { token } = await holder.renewed();
      assert.deepEqual(grants(await renewals()), ['authorization_code']);
      assert.ok(token.refresh_expires_ms > Date.now() + 360 * DAY_MS);
    });

    test('gives what it still has where LinkedIn wants a click', async () => {
      await on.sandbox.fault('authorization', LOGIN);
      await holder.daysLeft(4);
      await holder.change({ refresh_expires_ms: Date.now() + 40 * DAY_MS });
      await on.tokenkeep.ring();
      const { token } = await holder.renewed();
      assert.deepEqual(grants(await renewals()), ['refresh_token']);
      assert.equal(token.refresh_token, first.token.refresh_token);
      assert.equal((await ended((last) => last.way === 'RefreshToken')).finding ?? null, null);
    });

    test('has nothing to give when it ends with its access token: the icon counts the days', async () => {
      await on.sandbox.fault('authorization', LOGIN);
      await holder.daysLeft(12.5);
      await holder.change({ refresh_expires_ms: Date.now() + 12.5 * DAY_MS });
      await on.tokenkeep.ring();
      assert.equal((await ended((last) => last.finding)).finding.code, 'needs_click');
      await on.tokenkeep.ring();
      await until('the icon counts the days', async () => (await badge()) === '13d');
      assert.equal((await renewals()).length, 0);
      assert.equal((await on.sandbox.authorizationRequests()).length, 2, 'asked once more tomorrow, not at each look');
    });
  });

  test('nothing is renewed where the profile does not say so, and the icon counts the days', async () => {
    const { tokenkeep } = on;
    await holder.toggle('#renew_automatically');
    await holder.daysLeft(3);
    await tokenkeep.ring();
    await until('the icon counts the days', async () => (await badge()) === '3d');
    await holder.daysLeft(0);
    await tokenkeep.ring();
    await until('the icon calls', async () => (await badge()) === '!');
    assert.equal((await renewals()).length, 0);
  });
});
