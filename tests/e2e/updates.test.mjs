// The extension is updated, or switched off and on, in the middle of a flow.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Holder } from './lib/holder.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { Tokenkeep, clickAway } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';
import { protect, shows, unlock } from './lib/vault.mjs';

const on = await stage();

beforeEach(() => startFresh(on, null));

/** A flow that stands at the consent page; its page, and the flow. */
async function atConsent(id) {
  const flow = await on.tokenkeep.authorize(id);
  const page = await flow.signIn();
  // A browser needs a tab that stays.
  await on.browser.newPage();
  return { flow, page };
}

/** The extension's pages are gone with it. */
async function openAgain() {
  on.tokenkeep = await Tokenkeep.open(on.browser);
  return on.tokenkeep;
}

/** Nothing reached the redirect host, and nothing was exchanged. */
async function nothingLeft() {
  const { redirect_host_requests, token_posts } = await on.sandbox.counters();
  assert.deepEqual({ redirect_host_requests, token_posts }, { redirect_host_requests: 0, token_posts: 0 });
}

for (const [how, act] of [
  ['updated', () => on.browser.update()],
  ['switched off and on', () => on.browser.switchOffAndOn()],
]) {
  test(`${how} at the consent page: the code that comes is stopped, and the person is told`, async () => {
    const id = await on.tokenkeep.addSandboxProfile('live_https');
    const { flow, page } = await atConsent(id);
    await act();
    const tokenkeep = await openAgain();
    const { what, why } = await tokenkeep.finding(id);
    assert.match(`${what} ${why}`, /stopped Tokenkeep.*updated/);
    assert.deepEqual((await tokenkeep.engine()).flows, {});
    await clickAway(page, '#allow');
    // Our own page takes the place of the tab, and says it there.
    const result = await flow.resultPage();
    await until('the tab is closed', () => page.isClosed());
    assert.equal((await result.finding(id)).what, what);
    await result.page.close();
    await nothingLeft();
    await tokenkeep.front();
    await (await tokenkeep.authorize(id)).complete();
    assert.equal((await on.sandbox.counters()).redirect_host_requests, 0);
  });
}

test('updated at the consent page: the code is stopped while no worker runs', async () => {
  const id = await on.tokenkeep.addSandboxProfile('live_https');
  const { flow, page } = await atConsent(id);
  await on.browser.update();
  // One that is stopped in its very first moment is not one that the browser knows to wake.
  const tokenkeep = await openAgain();
  await tokenkeep.finding(id);
  await on.browser.killWorker();
  await clickAway(page, '#allow');
  await flow.resultPage();
  await nothingLeft();
});

test('updated at the consent page under a passphrase: the code is stopped, and who unlocks is told', async () => {
  const id = await on.tokenkeep.addSandboxProfile('live_https');
  await (await protect(on.tokenkeep)).page.close();
  const { flow, page } = await atConsent(id);
  await on.browser.update();
  await openAgain();
  await shows(on.tokenkeep, 'view-locked');
  await clickAway(page, '#allow');
  await until('our page is in the place of the tab', async () =>
    page.isClosed() && (await on.browser.pages()).some(({ url }) => url === `${on.browser.origin}/popup.html#${flow.id}`),
  );
  await nothingLeft();
  await unlock(on.tokenkeep);
  await shows(on.tokenkeep, 'view-home');
  assert.match((await on.tokenkeep.finding(id)).what, /stopped Tokenkeep/);
});

test('profile and token stay, and what is left of the flow blocks its code as long as that could live', async () => {
  const holder = await Holder.of(on.tokenkeep);
  // What is used up needs no block that lasts.
  assert.deepEqual(await on.tokenkeep.record('notes'), []);
  await until('no lasting rule is left', async () => (await on.tokenkeep.lastingRules()).length === 0);
  await on.sandbox.reset();
  const { flow } = await atConsent(holder.id);
  const [rule] = await on.tokenkeep.lastingRules();
  const state = await flow.stateParameter();
  assert.ok(rule.condition.regexFilter.includes(state));
  assert.ok(!JSON.stringify(await on.tokenkeep.local('notes')).includes(state), 'what is stored does not hold the state');
  await on.browser.switchOffAndOn();
  const tokenkeep = await openAgain();
  assert.equal(await tokenkeep.storedToken(holder.id), holder.first.token.access_token);
  await tokenkeep.send('Look');
  await until('the next look at the token is planned', async () => (await tokenkeep.alarms()).some(({ name }) => name === 'tokens'));
  const { flows, guards } = await tokenkeep.engine();
  assert.deepEqual(flows, {});
  assert.deepEqual(guards[flow.id].rules, [rule.id]);
  assert.deepEqual(await tokenkeep.sessionRules(), []);
  assert.equal((await tokenkeep.lastingRules()).length, 1);
  const alarms = Object.fromEntries((await tokenkeep.alarms()).map(({ name, scheduledTime }) => [name, scheduledTime]));
  assert.deepEqual(Object.keys(alarms).sort(), ['deadline', 'tokens']);
  assert.ok(alarms.deadline <= Date.now() + 45 * 60_000);
  // When that is over, nothing is left.
  const [note] = await tokenkeep.record('notes');
  await tokenkeep.put({ notes: [{ ...note, until_ms: Date.now() - 1 }] });
  await on.browser.switchOffAndOn();
  const last = await openAgain();
  await last.send('Look');
  await until('no rule is left', async () => (await last.lastingRules()).length === 0);
  assert.deepEqual((await last.engine()).guards, {});
});
