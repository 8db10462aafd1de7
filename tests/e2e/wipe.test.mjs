// Deleting everything: the question, the revocations, and what is left, whatever is stopped meanwhile.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { copied } from './lib/copied.mjs';
import { refuseWrites, takeWrites } from './lib/full.mjs';
import { Holder, giveToken } from './lib/holder.mjs';
import { Manager } from './lib/manager.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { Tokenkeep, throughReloads } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';
import { keyGone, lock, protect, shows } from './lib/vault.mjs';

const on = await stage({ agreed: ['clipboardRead', 'clipboardWrite'] });

beforeEach(() => startFresh(on));

/** Opens the question, ticks what is wanted and presses the button; returns the manager. */
async function wipe({ access = false } = {}) {
  const manager = await Manager.at(on.browser, 'settings');
  await manager.click('#wipe_open');
  if (!access) await manager.click('#wipe_access');
  await manager.click('#wipe_sure');
  await manager.click('#wipe_go');
  return manager;
}

/** Waits for what is said at the end; returns its paragraphs. */
async function told(manager) {
  await throughReloads('it is told how it ended', () => manager.visible('#wiped'));
  return manager.page.$$eval('#wiped p', (all) => all.filter((one) => !one.hidden).map((one) => one.textContent));
}

/** Nothing of anybody is left. `page` is one of the extension's. */
async function nothingLeft(page) {
  const left = await page.evaluate(async () => ({
    local: await chrome.storage.local.get(null),
    session: await chrome.storage.session.get(null),
    alarms: (await chrome.alarms.getAll()).map(({ name }) => name).filter((name) => !['tokens', 'deadline'].includes(name)),
    pages: Object.entries(localStorage),
  }));
  const { engine, wipe: record, looked, ...session } = left.session;
  assert.deepEqual({ ...left, session }, { local: {}, session: {}, alarms: [], pages: [] });
  assert.deepEqual(await copied({ page }), {});
  assert.deepEqual([engine?.flows ?? [], engine?.ended ?? []], [[], []]);
  // Tokens begin so and are longer than anything else that is random.
  assert.doesNotMatch(JSON.stringify([engine, record, looked]), /AQ[\w-]{300}/, 'no token');
}

/** Closes what is said at the end, for good. */
async function understood(manager) {
  await manager.click('#wiped_ok');
  await until('it was seen', () => manager.page.evaluate(async () => !(await chrome.storage.session.get('wipe')).wipe));
  await manager.shown('view-setup');
  await manager.page.close();
}

function revocations() {
  return on.sandbox.log().then((log) => log.filter(({ path }) => path === '/oauth/v2/revoke'));
}

/** Two profiles whose tokens LinkedIn knows. */
async function twoTokens() {
  const first = await Holder.of(on.tokenkeep, { name: 'one' });
  const id = await on.tokenkeep.addSandboxProfile('live_https', { name: 'two' });
  // The member has consented already.
  assert.equal(await (await on.tokenkeep.authorize(id)).outcome(), 'Token');
  await on.tokenkeep.front();
  const second = await Holder.at(on.tokenkeep, id);
  return [first, second].map((holder) => holder.first.token.access_token);
}

describe('everything', () => {
  test('is deleted only when it is said twice', async () => {
    await Holder.of(on.tokenkeep);
    const before = await on.tokenkeep.raw();
    const manager = await Manager.at(on.browser, 'settings');
    const disabled = () => manager.page.$eval('#wipe_go', (button) => button.disabled);
    await manager.click('#wipe_open');
    assert.equal(await disabled(), true);
    await manager.click('#wipe_sure');
    assert.equal(await disabled(), false);
    await manager.click('#wipe_cancel');
    assert.equal(await manager.visible('#wipe_dialog'), false);
    await manager.click('#wipe_open');
    assert.equal(await disabled(), true, 'the tick of before is gone');
    await manager.page.keyboard.press('Escape');
    assert.deepEqual(await on.tokenkeep.raw(), before);
    assert.deepEqual(await revocations(), []);
    await manager.page.close();
  });

  test('is deleted after a token that could not be saved was revoked, too', async () => {
    const { tokenkeep, browser, sandbox } = on;
    const { client_id, client_secret } = sandbox.ready.refresh_app;
    const holder = await Holder.of(tokenkeep, { client_id, client_secret });
    await refuseWrites(browser);
    await holder.pressRenew();
    const unsaved = await until('it is in memory', async () => {
      const [flow] = Object.values((await tokenkeep.engine()).flows);
      return flow?.unstored?.finding && flow.unstored.token.token.access_token;
    });
    await takeWrites(browser);
    const manager = await wipe();
    assert.deepEqual(await told(manager), ['Tokens that LinkedIn revoked: 2.']);
    const asked = await revocations();
    assert.deepEqual(asked.map(({ form }) => form.token).sort(), [unsaved, holder.first.token.access_token].sort());
    await nothingLeft(manager.page);
    await understood(manager);
  });

  test('is deleted after every token was revoked; blocks of codes stay, and it is a first run', async () => {
    const tokens = await twoTokens();
    const rules = await on.tokenkeep.sessionRules();
    assert.ok(rules.length > 0, 'a code is younger than half an hour');
    const manager = await wipe();
    assert.deepEqual(await told(manager), ['Tokens that LinkedIn revoked: 2.']);
    const asked = await revocations();
    assert.deepEqual(asked.map(({ form }) => form.token).sort(), [...tokens].sort());
    const { client_id, client_secret } = on.sandbox.ready.app;
    for (const { form } of asked) assert.deepEqual({ ...form, token: '' }, { client_id, client_secret, token: '' });
    await shows(on.tokenkeep, 'view-setup');
    await nothingLeft(manager.page);
    assert.deepEqual(await on.tokenkeep.sessionRules(), rules);
    assert.ok((await on.tokenkeep.alarms()).some(({ name }) => name === 'deadline'), 'the blocks end');
    await understood(manager);
    // And it works as ever.
    await on.sandbox.reset();
    await on.sandbox.session(on.sandbox.ready.member.username);
    await Holder.of(on.tokenkeep);
  });

  test('is deleted though a revocation is refused, which is told', async () => {
    await twoTokens();
    await on.sandbox.fault('revocation', { kind: 'answer', status: 404, body: '<html>Not found</html>', content_type: 'text/html' });
    const manager = await wipe();
    const [revoked, kept, ...more] = await told(manager);
    assert.equal(revoked, 'Tokens that LinkedIn revoked: 1.');
    assert.match(kept, /^Tokens that were not revoked: 1\. .*Permitted services/);
    assert.deepEqual(more, []);
    await nothingLeft(manager.page);
    await manager.page.close();
  });

  test('is deleted though LinkedIn never answers, in less than a minute', async () => {
    await twoTokens();
    await on.sandbox.fault('revocation', { kind: 'delay', ms: 120_000 }, 20);
    const began = Date.now();
    const manager = await wipe();
    await until('the tokens are being revoked', async () => manager.visible('#wipe_working'));
    const refused = await on.tokenkeep.send(on.tokenkeep.newProfile());
    assert.match(refused.Failed.message, /being deleted/);
    await pause(15_000);
    const [kept] = await told(manager);
    assert.match(kept, /^Tokens that were not revoked: 2\./);
    assert.ok(Date.now() - began < 60_000);
    await nothingLeft(manager.page);
    await manager.page.close();
  });

  test('is deleted without a question to LinkedIn where a token has ended, or its host is not granted', async () => {
    const { tokenkeep } = on;
    const id = await tokenkeep.sendProfile();
    await giveToken(tokenkeep, id, { expires_ms: Date.now() - 1000 });
    let manager = await wipe();
    assert.deepEqual(await told(manager), ['No token was left that could be revoked.']);
    await understood(manager);
    await shows(tokenkeep, 'view-setup');
    const other = await tokenkeep.sendProfile();
    await giveToken(tokenkeep, other);
    await tokenkeep.removeHosts();
    manager = await wipe();
    assert.match((await told(manager)).join(), /^Tokens that were not revoked: 1\./);
    assert.deepEqual(await revocations(), []);
    await manager.page.close();
  });

  test('is deleted with the token that a flow under way brings', async () => {
    const { tokenkeep, sandbox } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    await sandbox.fault('token', { kind: 'delay', ms: 4000 });
    const flow = await tokenkeep.authorize(id);
    await flow.consent();
    await until('the code is sent', async () => (await sandbox.tokenRequests()).length === 1);
    const manager = await wipe();
    assert.deepEqual(await told(manager), ['Tokens that LinkedIn revoked: 1.']);
    await nothingLeft(manager.page);
    await manager.page.close();
  });

  test('goes from the clipboard as well, if it still holds a token', async () => {
    const { tokenkeep, browser } = on;
    const holder = await Holder.of(tokenkeep);
    let manager = await Manager.at(browser, 'settings');
    await manager.click('#clear_clipboard');
    await until('it is on', async () => (await tokenkeep.record('settings'))?.clear_after_s === 60);
    await manager.page.close();
    assert.equal(await tokenkeep.copied(`${holder.card} .profile-main`), holder.first.token.access_token);
    await until('the copy is known', () => tokenkeep.page.evaluate(async () => (await chrome.storage.session.get('copied')).copied));
    manager = await wipe();
    await told(manager);
    await until('the clipboard is empty', async () => (await browser.readClipboard()) === '');
    await manager.page.close();
  });
});

describe('the access that was granted', () => {
  test('is given back where that is wished', async () => {
    const { tokenkeep } = on;
    const id = await tokenkeep.sendProfile();
    await giveToken(tokenkeep, id);
    assert.ok((await tokenkeep.hosts()).length > 0);
    const manager = await wipe({ access: true });
    await told(manager);
    const { origins, permissions } = await manager.page.evaluate(() => chrome.permissions.getAll());
    assert.deepEqual(origins, []);
    assert.deepEqual([...permissions].sort(), ['alarms', 'declarativeNetRequestWithHostAccess', 'storage', 'webRequest']);
    await manager.page.close();
  });

  test('stays while a living code is blocked by it, and that is told', async () => {
    await Holder.of(on.tokenkeep);
    const hosts = await on.tokenkeep.hosts();
    const manager = await wipe({ access: true });
    const said = await told(manager);
    assert.match(said.at(-1), /^Access to sites was kept/);
    assert.deepEqual(await on.tokenkeep.hosts(), hosts);
    await manager.page.close();
  });
});

describe('whatever is stopped meanwhile', () => {
  test('the worker at any moment: the next one goes on, and nothing is left', async () => {
    const { tokenkeep, browser, sandbox } = on;
    for (const wait of [0, 60, 150, 300, 600, 900, 1300]) {
      const id = await tokenkeep.sendProfile();
      await giveToken(tokenkeep, id);
      await sandbox.fault('revocation', { kind: 'delay', ms: 600 }, 2);
      const manager = await Manager.at(browser, 'settings');
      await manager.click('#wipe_open');
      await manager.click('#wipe_sure');
      await manager.click('#wipe_access');
      // The command goes with the click, and the kill after it.
      await manager.page.evaluate(() => document.querySelector('#wipe_go').click());
      await pause(wait);
      await browser.killWorker();
      try {
        await throughReloads('it is told', async () => (await manager.visible('#wiped')) || manager.visible('#wipe_error'));
        if (await manager.visible('#wipe_error')) {
          // It died before the wish was written.
          assert.ok((await tokenkeep.raw())[`token:${id}`]);
          await manager.click('#wipe_go');
        }
        await told(manager);
      } catch (error) {
        throw new Error(`killed after ${wait} ms: ${error.message}`);
      }
      await nothingLeft(manager.page);
      await understood(manager);
      await shows(tokenkeep, 'view-setup');
    }
  });

  test('the worker, and no page is left: an alarm wakes the next one', async () => {
    const { tokenkeep, browser, sandbox } = on;
    const id = await tokenkeep.sendProfile();
    await giveToken(tokenkeep, id);
    await sandbox.fault('revocation', { kind: 'delay', ms: 5000 });
    const manager = await wipe();
    await until('a token is being revoked', async () => (await revocations()).length === 1);
    await browser.newPage();
    await Promise.all([manager.page.close(), tokenkeep.page.close()]);
    await browser.killWorker();
    await until('it is asked once more', async () => (await revocations()).length === 2, { timeout: 60_000 });
    on.tokenkeep = await Tokenkeep.open(browser);
    await throughReloads('everything is gone', async () => Object.keys(await on.tokenkeep.raw()).length === 0);
    await until('it has ended', () =>
      on.tokenkeep.page.evaluate(async () => (await chrome.storage.session.get('wipe')).wipe?.done),
    );
    await nothingLeft(on.tokenkeep.page);
  });

  test('the browser: the next start goes on', async () => {
    const { tokenkeep, browser, sandbox } = on;
    await Holder.of(tokenkeep);
    await sandbox.fault('revocation', { kind: 'delay', ms: 5000 });
    await wipe();
    await until('a token is being revoked', async () => (await revocations()).length === 1);
    // Chromium's storage is written through a moment later.
    await pause(1500);
    await browser.kill();
    await browser.start();
    on.tokenkeep = await Tokenkeep.open(browser);
    await throughReloads('it has ended', () =>
      on.tokenkeep.page.evaluate(async () => (await chrome.storage.session.get('wipe')).wipe?.done),
    );
    await nothingLeft(on.tokenkeep.page);
    await on.tokenkeep.grantHosts();
  });
});

test('storage that is locked is deleted without a revocation, and that is told', async () => {
  const { tokenkeep, browser } = on;
  await Holder.of(tokenkeep);
  await protect(tokenkeep);
  await lock(tokenkeep);
  await keyGone(tokenkeep);
  await tokenkeep.unfold('#view-locked details');
  await tokenkeep.click('#start_over_sure');
  await tokenkeep.click('#start_over');
  await shows(tokenkeep, 'view-setup');
  const manager = await Manager.open(browser);
  assert.match((await told(manager)).join(), /^Tokens that were not revoked: 1\./);
  assert.deepEqual(await revocations(), []);
  await nothingLeft(manager.page);
  await manager.page.close();
});
