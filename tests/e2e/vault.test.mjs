// Storage under a passphrase: sealed, locked, opened; renewals that wait; and a kill at any moment.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { copied } from './lib/copied.mjs';
import { DAY_MS, Holder } from './lib/holder.mjs';
import { Manager } from './lib/manager.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { parseStored } from './lib/stored.mjs';
import { Tokenkeep, fill, mark, throughReloads } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';
import { PASSPHRASE, fillVault, keyGone, loadedAnew, lock, protect, shows, unlock } from './lib/vault.mjs';

const on = await stage();
const FIRST = PASSPHRASE;
const SECOND = 'brisket morrow quilt anthem';

let holder;
let secret;
let token;

beforeEach(async () => {
  await startFresh(on);
  const { client_id, client_secret } = on.sandbox.ready.refresh_app;
  holder = await Holder.of(on.tokenkeep, { client_id, client_secret });
  secret = client_secret;
  token = holder.first.token.access_token;
});

/** Everything that is stored and that a page shows, as one text. */
async function everything() {
  const { page } = on.tokenkeep;
  const stored = await page.evaluate(async () => [
    await chrome.storage.local.get(null),
    await chrome.storage.session.get(null),
    document.documentElement.outerHTML,
    Object.entries(localStorage),
  ]);
  return JSON.stringify(stored);
}

function sealedKeys(raw) {
  return Object.entries(raw)
    .filter(([key]) => !/^~?(schema|settings|vault|waiting|keys|notes)$/.test(key))
    .map(([key, text]) => [key, parseStored(key.replace(/^~/, ''), text)?.sealed]);
}

describe('a passphrase', () => {
  test('seals all that is stored, and the pages go on', async () => {
    const { tokenkeep } = on;
    assert.ok((await everything()).includes(secret), 'without one it lies there');
    await protect(on.tokenkeep);
    const raw = await tokenkeep.raw();
    const keys = sealedKeys(raw);
    assert.ok(keys.length >= 4, JSON.stringify(keys));
    assert.deepEqual(keys.filter(([, sealed]) => !sealed), []);
    const text = JSON.stringify(raw);
    for (const canary of [secret, token, 'tokenkeep.test']) assert.ok(!text.includes(canary), canary);
    assert.equal(await tokenkeep.state(holder.id), 'token');
    assert.match(await tokenkeep.text('.storage-note'), /encrypted with your passphrase/);
    // What is written from now on is sealed as well.
    await tokenkeep.expand(holder.id);
    await holder.pressRenew();
    await until('another token is stored', async () => (await tokenkeep.raw(`token:${holder.id}`))[`token:${holder.id}`] !== raw[`token:${holder.id}`]);
    assert.deepEqual(sealedKeys(await tokenkeep.raw()).filter(([, sealed]) => !sealed), []);
  });

  test('that is short, easy or typed otherwise is refused, and nothing is sealed', async () => {
    for (const [passphrase, again, words] of [
      ['short', 'short', /./],
      ['aaaaaaaaaaaaaaaa', 'aaaaaaaaaaaaaaaa', /./],
      [FIRST, SECOND, /./],
    ]) {
      const manager = await fillVault(on.browser, { passphrase, again });
      await until('it is refused', () => manager.visible('#vault_error'));
      assert.match(await manager.text('#vault_error'), words);
      await manager.page.close();
    }
    assert.equal((await on.tokenkeep.raw('vault')).vault, undefined);
  });
});

describe('the lock', () => {
  test('leaves nothing that can be read: not in storage, in the session or in a page', async () => {
    const { tokenkeep, browser } = on;
    await protect(on.tokenkeep);
    await tokenkeep.expand(holder.id);
    const manager = await Manager.open(browser);
    await lock(on.tokenkeep);
    await shows(manager, 'view-locked');
    await keyGone(on.tokenkeep);
    const text = await everything();
    const { refresh_token, account } = holder.first.token;
    for (const canary of [secret, token, refresh_token, account, 'live_https']) {
      // A shorter one may stand by chance in what is encrypted.
      assert.ok(canary.length > 8 && !text.includes(canary), canary);
    }
    for (const { page } of [tokenkeep, manager]) {
      const html = await page.evaluate(() => document.documentElement.outerHTML);
      assert.ok(!html.includes(token) && !html.includes('live_https'));
    }
    for (const command of [{ Renew: { profile: holder.id } }, { Authorize: { profile: holder.id } }]) {
      const reply = await tokenkeep.send(command);
      assert.match(reply.Failed.message, /locked/);
    }
  });

  test('opens with the passphrase and with no other', async () => {
    const { tokenkeep, browser } = on;
    await protect(on.tokenkeep);
    await lock(on.tokenkeep);
    await keyGone(on.tokenkeep);
    await unlock(on.tokenkeep, 'not the passphrase');
    await until('it is refused', () => tokenkeep.visible('#locked_error'));
    assert.equal(await tokenkeep.text('#locked_error'), 'The passphrase is wrong.');
    await unlock(on.tokenkeep);
    await shows(tokenkeep, 'view-home');
    assert.equal(await tokenkeep.state(holder.id), 'token');
    // The key outlives the worker.
    await browser.killWorker();
    await tokenkeep.expand(holder.id);
    await holder.pressRenew();
    await until('it was renewed', async () => (await on.sandbox.tokenRequests()).length === 2);
  });

  test('comes by itself when nobody uses it', async () => {
    const { tokenkeep } = on;
    await protect(on.tokenkeep);
    const alarm = await until('the alarm stands', async () => (await tokenkeep.alarms()).find(({ name }) => name === 'lock'));
    const minutes = (alarm.scheduledTime - Date.now()) / 60_000;
    assert.ok(minutes > 13 && minutes <= 15.1, `${minutes}`);
    await tokenkeep.page.evaluate(() => chrome.alarms.create('lock', { when: Date.now() + 500 }));
    await shows(tokenkeep, 'view-locked');
    await keyGone(on.tokenkeep);
  });

  test('waits for what was posted, and its token is there afterwards', async () => {
    const { tokenkeep, sandbox } = on;
    await protect(on.tokenkeep);
    await sandbox.fault('token', { kind: 'delay', ms: 3000 });
    await tokenkeep.expand(holder.id);
    await holder.pressRenew();
    await until('it was posted', async () => (await sandbox.tokenRequests()).length === 2);
    await lock(on.tokenkeep);
    await keyGone(on.tokenkeep);
    assert.ok(!(await everything()).includes(secret));
    await unlock(on.tokenkeep);
    await shows(tokenkeep, 'view-home');
    await tokenkeep.expand(holder.id);
    await tokenkeep.click(`${holder.card} .token-reveal`);
    await until('the new token is there', async () => {
      const shown = await tokenkeep.text(`${holder.card} .token-value`);
      return shown.startsWith('AQ') && shown !== token;
    });
  });

  test('waits for a question under way, and its answer is there afterwards', async () => {
    const { tokenkeep, sandbox } = on;
    await protect(on.tokenkeep);
    await sandbox.fault('revocation', { kind: 'delay', ms: 3000 });
    await tokenkeep.page.evaluate((command) => void chrome.runtime.sendMessage(command), { Revoke: { profile: holder.id } });
    await until('it was asked', async () => (await sandbox.log()).some(({ path }) => path === '/oauth/v2/revoke'));
    await lock(on.tokenkeep);
    await keyGone(on.tokenkeep);
    // A lock that did not wait would have an answer now that it can store nowhere.
    await pause(3500);
    await unlock(on.tokenkeep);
    await shows(tokenkeep, 'view-home');
    await tokenkeep.inState(holder.id, 'ready', 'failed', 'expired', 'token');
    await tokenkeep.expand(holder.id);
    await until('it is said', async () => /accepted the revocation/.test(await tokenkeep.text(`${holder.card} .revocation-result`)));
  });

  test('keeps a renewal waiting that comes due, says so, and renews when it is opened', async () => {
    const { tokenkeep, sandbox, browser } = on;
    // Due five days before the end.
    const expires_ms = Date.now() + 5 * DAY_MS + 12_000;
    await holder.change({ obtained_ms: expires_ms - 60 * DAY_MS, expires_ms });
    await protect(on.tokenkeep);
    await lock(on.tokenkeep);
    await keyGone(on.tokenkeep);
    assert.equal(await tokenkeep.visible('#locked_waiting'), false);
    const { waiting } = await tokenkeep.local('waiting');
    assert.deepEqual(waiting, { renewals_ms: [expires_ms - 5 * DAY_MS], ends_ms: [expires_ms] });
    await until('it is due', () => Date.now() > waiting.renewals_ms[0]);
    // The alarm may be half a minute late.
    await tokenkeep.page.evaluate(() => chrome.alarms.create('tokens', { when: Date.now() }));
    await until('the icon says so', async () => (await tokenkeep.page.evaluate(() => chrome.action.getBadgeText({}))) === '!');
    const popup = await Tokenkeep.open(browser);
    assert.equal(await popup.text('#locked_waiting'), '1 renewal waits until you unlock.');
    await popup.page.close();
    assert.equal((await sandbox.tokenRequests()).length, 1, 'nothing is asked while it is locked');
    await unlock(on.tokenkeep);
    await until('it is renewed', async () => (await sandbox.tokenRequests()).length === 2);
  });

  test('is what a browser starts with', async () => {
    await protect(on.tokenkeep);
    await on.browser.kill();
    await on.browser.start();
    on.tokenkeep = await Tokenkeep.open(on.browser);
    assert.equal(await on.tokenkeep.view(), 'view-locked');
    assert.ok(!(await everything()).includes(secret));
    await unlock(on.tokenkeep);
    await shows(on.tokenkeep, 'view-home');
    assert.equal(await on.tokenkeep.state(holder.id), 'token');
  });
});

describe('the lock, in the middle of something', () => {
  test('lets no renewal begin that was just being prepared', async () => {
    const { tokenkeep, browser, sandbox } = on;
    await tokenkeep.looked();
    await holder.daysLeft(2);
    await protect(tokenkeep);
    // A look has seen that nothing is locked; and the lock is about to take the key away.
    await browser.evaluateInWorker((scope) => {
      const held = (scope.held = {});
      const hold = (name) =>
        new Promise((resolve) => {
          held[name] = resolve;
        });
      for (const local of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage.local))) {
        const { get, set } = local;
        local.get = async (keys) => {
          if (Array.isArray(keys) && keys.map((key) => key.split(':')[0]).join() === 'profile,token') {
            local.get = get;
            await hold('look');
          }
          return get.call(local, keys);
        };
        local.set = async (items) => {
          if ('waiting' in items) {
            local.set = set;
            await hold('lock');
          }
          return set.call(local, items);
        };
      }
    });
    await tokenkeep.ring();
    await until('the look is on its way', () => browser.evaluateInWorker((scope) => 'look' in scope.held));
    const asked = (await sandbox.tokenRequests()).length;
    await tokenkeep.click('#lock');
    await until('so is the lock', () => browser.evaluateInWorker((scope) => 'lock' in scope.held));
    await browser.evaluateInWorker((scope) => scope.held.look());
    await pause(1500);
    await browser.evaluateInWorker((scope) => scope.held.lock());
    await keyGone(tokenkeep);
    assert.equal((await sandbox.tokenRequests()).length, asked);
    assert.ok(!(await everything()).includes(secret), 'no flow lies in the session');
    await shows(tokenkeep, 'view-locked');
    await unlock(tokenkeep);
    await shows(tokenkeep, 'view-home');
    await until('it is renewed now', async () => (await sandbox.tokenRequests()).length > asked);
  });

  test('takes the key away though storage can not be written', async () => {
    const { tokenkeep, browser } = on;
    await protect(tokenkeep);
    await browser.evaluateInWorker((scope) => {
      for (const local of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage.local))) {
        local.set = async () => {
          throw new Error('the disk is full');
        };
      }
    });
    await lock(tokenkeep);
    await keyGone(tokenkeep);
  });
});

describe('a passphrase for storage', () => {
  test('that has lost a record seals it all the same', async () => {
    const { tokenkeep } = on;
    await tokenkeep.page.evaluate((key) => chrome.storage.local.remove(key), `token:${holder.id}`);
    await protect(tokenkeep);
    await tokenkeep.inState(holder.id, 'token');
  });

  test('that forgets it with a loss of power is sealed again, and nothing of before stays', async () => {
    const { tokenkeep, browser } = on;
    await holder.pressRenew();
    await holder.renewed();
    await until('the copy has it', async () => (await copied(tokenkeep))[`token:${holder.id}`] === (await tokenkeep.raw())[`token:${holder.id}`]);
    const open = await tokenkeep.raw();
    assert.ok(`~token:${holder.id}` in open && `trace:${holder.id}` in open);
    await protect(tokenkeep);
    // A page without scripts, which is not loaded anew.
    const still = await browser.openExtensionPage('icons/icon.svg');
    await still.evaluate(async (items) => {
      await chrome.storage.local.set(items);
      await chrome.storage.local.remove(Object.keys(await chrome.storage.local.get(null)).filter((key) => !(key in items)));
    }, open);
    // As after the browser's start, storage is looked through.
    await still.evaluate(() => chrome.storage.session.remove('looked'));
    await browser.killWorker();
    await throughReloads('it is sealed', async () => {
      await tokenkeep.send('Look');
      const raw = await tokenkeep.raw();
      return Boolean(raw.vault) && raw.unsettled === undefined && !JSON.stringify(raw).includes(secret);
    });
    await shows(tokenkeep, 'view-home');
    await tokenkeep.inState(holder.id, 'token');
    const raw = JSON.stringify(await tokenkeep.raw());
    for (const canary of [secret, token, 'tokenkeep.test']) assert.ok(!raw.includes(canary), canary);
  });
});

describe('another passphrase', () => {
  test('takes the place of the first, which opens nothing any more; removed, there is none', async () => {
    const { tokenkeep } = on;
    await protect(on.tokenkeep);
    let manager = await fillVault(on.browser, { before: 'not the passphrase', passphrase: SECOND, again: SECOND });
    await until('the present one is asked for', () => manager.visible('#vault_error'));
    assert.equal(await manager.text('#vault_error'), 'The present passphrase is wrong.');
    await manager.page.close();
    manager = await fillVault(on.browser, { before: FIRST, passphrase: SECOND, again: SECOND });
    await loadedAnew(manager);
    await shows(tokenkeep, 'view-home');
    await lock(on.tokenkeep);
    await keyGone(on.tokenkeep);
    await unlock(tokenkeep, FIRST);
    await until('it is refused', () => tokenkeep.visible('#locked_error'));
    await unlock(tokenkeep, SECOND);
    await shows(tokenkeep, 'view-home');
    manager = await fillVault(on.browser, { before: SECOND }, '#vault_remove');
    await loadedAnew(manager);
    await shows(tokenkeep, 'view-home');
    assert.equal((await holder.stored()).token.access_token, token);
    assert.equal(await tokenkeep.visible('#lock'), false);
  });

  test('whenever the worker dies over it, the old one or the new one opens', async () => {
    const { tokenkeep, browser } = on;
    await protect(on.tokenkeep);
    let present = FIRST;
    for (let round = 0; round < 4; round += 1) {
      const next = present === FIRST ? SECOND : FIRST;
      const manager = await fillVault(on.browser, { before: present, passphrase: next, again: next });
      // Two keys are derived before the command is sent; the kills come before, within and after its writes.
      await pause(200 * round + 200);
      await browser.killWorker();
      await manager.page.close();
      // The next one first does what this one left undone.
      await throughReloads('the next worker has started', () => tokenkeep.send('Look'));
      const page = await Tokenkeep.open(browser);
      if ((await page.view()) !== 'view-locked') await lock(page);
      await unlock(page, next);
      const opened = await throughReloads('it is opened or refused', async () => {
        if (await page.visible('#locked_error')) return 'refused';
        return (await page.view()) === 'view-home' && 'opened';
      });
      if (opened === 'opened') {
        present = next;
      } else {
        await unlock(page, present);
        await shows(page, 'view-home');
      }
      await page.inState(holder.id, 'token');
      await page.page.close();
      await shows(tokenkeep, 'view-home');
    }
  });

  test('whose old texts may still be in the files: the next worker makes storage anew, and a page stays as it is', async () => {
    const { tokenkeep, browser } = on;
    await protect(tokenkeep);
    await lock(tokenkeep);
    await keyGone(tokenkeep);
    const stood = await tokenkeep.raw();
    await fill(tokenkeep.page, '#locked_passphrase', 'half of it');
    await browser.killWorker();
    await tokenkeep.page.evaluate(async () => {
      globalThis.former = true;
      await chrome.storage.session.remove('looked');
      await chrome.storage.local.set({ unsettled: '' });
      chrome.storage.onChanged.addListener((changes) => {
        globalThis.gone ||= changes.vault && changes.vault.newValue === undefined;
      });
    });
    await tokenkeep.send('Look');
    await until('storage was made anew', async () => {
      const raw = await tokenkeep.raw();
      return raw.vault && raw.unsettled === undefined;
    });
    assert.deepEqual(await tokenkeep.raw(), stood);
    const [former, gone, typed] = await tokenkeep.page.evaluate(() => [
      globalThis.former,
      globalThis.gone,
      document.querySelector('#locked_passphrase').value,
    ]);
    assert.deepEqual([former, gone, typed], [true, true, 'half of it']);
    await unlock(tokenkeep);
    await shows(tokenkeep, 'view-home');
    await tokenkeep.inState(holder.id, 'token');
  });

  test('that nobody knows any more: everything is deleted, and it is a first run', async () => {
    const { tokenkeep } = on;
    await protect(on.tokenkeep);
    await lock(on.tokenkeep);
    await keyGone(on.tokenkeep);
    await tokenkeep.page.$eval('#view-locked details', (details) => void (details.open = true));
    assert.equal(await tokenkeep.page.$eval('#start_over', (button) => button.disabled), true);
    await tokenkeep.click('#start_over_sure');
    await tokenkeep.click('#start_over');
    await shows(tokenkeep, 'view-setup');
    assert.deepEqual(Object.keys(await tokenkeep.raw()), []);
  });
});

test('storage whose sealed records are swapped is refused', async () => {
  const { tokenkeep } = on;
  await protect(on.tokenkeep);
  const key = `token:${holder.id}`;
  const raw = await tokenkeep.raw();
  // A plain text in the place of a sealed one: nobody but who knows the passphrase puts a record in.
  await tokenkeep.put({ [key]: holder.first });
  const page = new Tokenkeep(on.browser, await on.browser.openExtensionPage('popup.html'));
  await page.shown('view-error');
  assert.match(await page.text('#error-text'), new RegExp(key));
  await tokenkeep.page.evaluate((items) => chrome.storage.local.set(items), { [key]: raw[key] });
});
