// A token that came, and that the browser's storage does not take.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { refuseWrites, takeWrites } from './lib/full.mjs';
import { Holder } from './lib/holder.mjs';
import { Manager } from './lib/manager.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { fill, throughReloads } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';
import { keyGone, lock, protect, shows, unlock } from './lib/vault.mjs';

const on = await stage();

beforeEach(() => startFresh(on));

const withRefreshToken = () => {
  const { client_id, client_secret } = on.sandbox.ready.refresh_app;
  return { client_id, client_secret };
};

const refuse = () => refuseWrites(on.browser);
const takeAgain = () => takeWrites(on.browser);
const badge = () => on.tokenkeep.page.evaluate(() => chrome.action.getBadgeText({}));
const session = (page) => page.evaluate(async () => JSON.stringify(await chrome.storage.session.get(null)));

/** What the card says of the token, once it says that it is not saved. */
async function told(id) {
  const card = on.tokenkeep.card(id);
  await until('the card says it', async () => {
    await on.tokenkeep.expand(id);
    return (await on.tokenkeep.visible(`${card} .finding-what`)) && /not saved yet/.test(await on.tokenkeep.text(`${card} .finding-what`));
  });
  await on.tokenkeep.inState(id, 'token');
  assert.equal(await on.tokenkeep.text(`${card} .finding-evidence-text`), 'the disk is full');
  assert.deepEqual(await marks(`${card} .profile-mark`), ['mark-failed'], 'no sign of success');
}

/** The signs that show in this place. */
function marks(place, { page } = on.tokenkeep) {
  return page.$eval(place, (mark) =>
    [...mark.children].filter((sign) => getComputedStyle(sign).display !== 'none').map((sign) => sign.getAttribute('class')),
  );
}

test('a token that storage refuses is at hand, and is saved as soon as storage takes it', async () => {
  const { tokenkeep, sandbox } = on;
  const holder = await Holder.of(tokenkeep, withRefreshToken());
  const before = (await sandbox.counters()).token_posts;
  await refuse();
  await holder.pressRenew();
  await told(holder.id);
  await until('the icon calls', async () => (await badge()) === '!');
  assert.deepEqual(await holder.stored(), holder.first, 'the old one stays');
  const token = await tokenkeep.copied(`${holder.card} .copy-token`);
  assert.notEqual(token, holder.first.token.access_token);
  await tokenkeep.page.evaluate(() => {
    globalThis.hostsAskedFor = 0;
    for (const api of new Set([globalThis.browser, globalThis.chrome].filter(Boolean).map(({ permissions }) => permissions))) {
      const { request } = api;
      api.request = (...words) => {
        globalThis.hostsAskedFor += 1;
        return request.apply(api, words);
      };
    }
  });
  // Still refused: it is not lost by trying, and nothing is renewed beside it.
  for (const button of ['.finding-action', '.profile-renew']) {
    await tokenkeep.click(`${holder.card} ${button}`);
    await until('it says so', () => tokenkeep.visible('#failed'));
    assert.equal(await tokenkeep.text('#failed_text'), 'That did not work: the disk is full');
    await tokenkeep.click('#failed_close');
    assert.equal(await tokenkeep.visible('#failed'), false);
  }
  await told(holder.id);
  await takeAgain();
  await tokenkeep.click(`${holder.card} .finding-action`);
  assert.equal((await holder.renewed()).token.access_token, token);
  assert.equal(await tokenkeep.page.evaluate(() => globalThis.hostsAskedFor), 0, 'to save it needs no host');
  await until('nothing is said any more', async () => !(await tokenkeep.visible(`${holder.card} .finding-what`)));
  assert.deepEqual(await marks(`${holder.card} .profile-mark`), ['mark-token']);
  assert.ok(!(await session(tokenkeep.page)).includes(token), 'only storage has it now');
  assert.equal((await sandbox.counters()).token_posts, before + 1);
  await tokenkeep.ring();
  await until('the icon says nothing', async () => (await badge()) === '');
});

test('the first token of a profile outlives the worker, and the next one saves it', async () => {
  const { tokenkeep, browser, sandbox } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  await refuse();
  await flow.consent();
  await told(id);
  assert.equal(await tokenkeep.record(`token:${id}`), undefined);
  const manager = await Manager.open(on.browser);
  await until('the row says it', async () => (await manager.text(`${manager.row(id)} .row-status`)) === 'Token not saved');
  assert.deepEqual(await marks(`${manager.row(id)} .row-mark`, manager), ['mark-failed']);
  await manager.page.close();
  await tokenkeep.front();
  const token = await tokenkeep.copied(`${tokenkeep.card(id)} .copy-token`);
  await browser.killWorker();
  await tokenkeep.send('Look');
  await until('it is stored', async () => (await tokenkeep.record(`token:${id}`))?.token.access_token === token);
  assert.equal(await flow.outcome(), 'Token');
  const { token_posts, redirect_host_requests } = await sandbox.counters();
  assert.deepEqual({ token_posts, redirect_host_requests }, { token_posts: 1, redirect_host_requests: 0 });
});

test('a token that storage refuses can be tested and removed', async () => {
  const { tokenkeep, sandbox } = on;
  const holder = await Holder.of(tokenkeep, withRefreshToken());
  await refuse();
  await holder.pressRenew();
  await told(holder.id);
  const { engine } = await tokenkeep.page.evaluate(() => chrome.storage.session.get('engine'));
  const { flow, token } = engine.flows[0].unstored.token;
  await takeAgain();
  await tokenkeep.click(`${holder.card} .token-test`);
  await until('it is tested', async () => (await tokenkeep.record(`check:${holder.id}`))?.token === flow);
  const [asked] = (await sandbox.log()).filter(({ path }) => path === '/v2/userinfo');
  assert.ok(asked && token.access_token !== holder.first.token.access_token);
  await tokenkeep.send({ RemoveToken: { profile: holder.id } });
  await tokenkeep.inState(holder.id, 'ready');
  assert.equal(await holder.stored(), undefined);
  assert.ok(!(await session(tokenkeep.page)).includes(token.access_token));
});

/** A profile under a passphrase whose renewed token is refused. */
async function refusedUnderPassphrase() {
  const holder = await Holder.of(on.tokenkeep, withRefreshToken());
  await (await protect(on.tokenkeep)).page.close();
  await refuse();
  await holder.pressRenew();
  await told(holder.id);
  return holder;
}

test('a token that storage refused is saved by the lock, if it can be by then', async () => {
  const { tokenkeep } = on;
  const holder = await refusedUnderPassphrase();
  const token = await tokenkeep.copied(`${holder.card} .copy-token`);
  await takeAgain();
  await lock(tokenkeep);
  await keyGone(tokenkeep);
  await unlock(tokenkeep);
  await shows(tokenkeep, 'view-home');
  await tokenkeep.inState(holder.id, 'token');
  await tokenkeep.expand(holder.id);
  assert.equal(await tokenkeep.copied(`${holder.card} .copy-token`), token);
  assert.deepEqual((await tokenkeep.engine()).flows, {});
});

test('a token that storage refuses does not outlive the lock', async () => {
  const { tokenkeep } = on;
  const holder = await refusedUnderPassphrase();
  const { engine } = await tokenkeep.page.evaluate(() => chrome.storage.session.get('engine'));
  const { access_token: token } = engine.flows[0].unstored.token.token;
  await lock(tokenkeep);
  await keyGone(tokenkeep);
  assert.ok(!(await session(tokenkeep.page)).includes(token));
  await takeAgain();
  await unlock(tokenkeep);
  await shows(tokenkeep, 'view-home');
  await tokenkeep.inState(holder.id, 'token');
  await tokenkeep.expand(holder.id);
  assert.equal(await tokenkeep.copied(`${holder.card} .copy-token`), holder.first.token.access_token);
});

test('a token that is refused while everything is being locked does not keep the key', async () => {
  const { tokenkeep, sandbox, browser } = on;
  const holder = await Holder.of(tokenkeep, withRefreshToken());
  await (await protect(tokenkeep)).page.close();
  await refuse();
  const lines = await browser.collectConsole();
  await sandbox.fault('token', { kind: 'delay', ms: 2000 });
  await holder.pressRenew();
  await until('it is posted', async () => Object.keys((await tokenkeep.engine()).flows).length === 1);
  await lock(tokenkeep);
  await keyGone(tokenkeep);
  assert.ok((await lines.read()).some((line) => /effect was refused.*the disk is full/.test(line)), 'it came, and was refused');
  const text = await throughReloads('the session is read', () => session(tokenkeep.page));
  assert.ok(!text.includes('access_token'), text);
  await takeAgain();
  await unlock(tokenkeep);
  await shows(tokenkeep, 'view-home');
});

test('a click that storage refuses says so until the next one', async () => {
  const { tokenkeep, browser } = on;
  const holder = await Holder.of(tokenkeep);
  const manager = await Manager.open(browser);
  await refuse();
  await tokenkeep.front();
  await tokenkeep.page.select(`${holder.card} .copy-format`, 'dotenv');
  await tokenkeep.click(`${holder.card} .copy-as`);
  const says = async (page, text) => (await page.visible('#failed')) && (await page.text('#failed_text')) === text;
  await until('the popup says it', () => says(tokenkeep, 'The choice of format could not be saved: the disk is full'));
  await manager.front();
  await manager.click(`${manager.row(holder.id)} .row-copy`);
  await until('the manager says it', () => says(manager, 'That did not work: the disk is full'));
  await manager.click('#failed_close');
  assert.equal(await manager.visible('#failed'), false);
  await takeAgain();
  await tokenkeep.front();
  await tokenkeep.click(`${holder.card} .copy-as`);
  await until('nothing is said any more', async () => !(await tokenkeep.visible('#failed')));
});

test('a form that storage refuses says so, stays filled, and is saved by another click', async () => {
  const { tokenkeep, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const says = async (page) => (await page.visible('#failed')) && (await page.text('#failed_text')) === 'That did not work: the disk is full';
  await tokenkeep.edit(id);
  await tokenkeep.fillSetup({ scope: 'openid' });
  await refuse();
  await tokenkeep.click('#setup_save');
  await until('the form says it', () => says(tokenkeep));
  assert.equal(await tokenkeep.view(), 'view-setup');
  assert.equal(await tokenkeep.value('#scope'), 'openid');
  const manager = await Manager.at(browser, 'settings');
  await fill(manager.page, '#remind_days', '5');
  await manager.click('#settings_save');
  await until('the settings say it', () => says(manager));
  assert.equal(await manager.view(), 'view-settings');
  assert.equal(await manager.value('#remind_days'), '5');
  await takeAgain();
  await manager.click('#settings_save');
  await until('they are saved', async () => (await manager.record('settings'))?.remind_days.join() === '5');
  await tokenkeep.front();
  await tokenkeep.save();
  assert.equal(String((await tokenkeep.record(`profile:${id}`)).scopes), 'openid');
});
