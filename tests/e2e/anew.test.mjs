// Storage under another passphrase is made anew, so that nothing of the old one stays in the browser's files: what may come
// between emptying and filling.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { copied } from './lib/copied.mjs';
import { Holder } from './lib/holder.mjs';
import { onlyIn, stage, startFresh } from './lib/stage.mjs';
import { mark, reloaded, throughReloads } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';
import { PASSPHRASE, fillVault, lock, loadedAnew, madeAnew, protect, shows, unlock } from './lib/vault.mjs';

const on = await stage();
const SECOND = 'brisket morrow quilt anthem';

let holder;

beforeEach(async () => {
  await startFresh(on);
  const { client_id, client_secret } = on.sandbox.ready.refresh_app;
  holder = await Holder.of(on.tokenkeep, { client_id, client_secret });
});

/** Every text that has a copy, as it stands in storage. */
async function texts() {
  const raw = await on.tokenkeep.raw();
  return Object.fromEntries(Object.entries(raw).filter(([key]) => /^(index|keys|vault|(profile|secret|token):.*)$/.test(key)));
}

/** Storage has all of it, and so has the copy. */
async function bothWhole() {
  const stands = await throughReloads('storage is read', texts);
  assert.deepEqual(Object.keys(stands).sort(), [`profile:${holder.id}`, `secret:${holder.id}`, `token:${holder.id}`, 'index', 'keys', 'vault'].sort());
  await throughReloads('the copy is the same', async () => {
    const copy = await copied(on.tokenkeep);
    return Object.entries(stands).every(([key, text]) => copy[key] === text);
  });
}

const settled = () => madeAnew(on.tokenkeep);

/** Sets a passphrase; storage is not made anew yet. */
async function setPassphrase() {
  await mark(on.tokenkeep.page);
  await fillVault(on.browser, { passphrase: PASSPHRASE, again: PASSPHRASE });
}

describe('storage is made anew', () => {
  test(
    'while the copy is in use: as soon as it no longer is',
    onlyIn('firefox', 'the others delete a copy that is in use'),
    async () => {
      const { tokenkeep, browser } = on;
      // A page without scripts, which stays as it is.
      const user = await browser.openExtensionPage('icons/icon.svg');
      await user.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const opening = indexedDB.open('tokenkeep', 1);
            opening.onerror = () => reject(opening.error);
            opening.onsuccess = () => {
              globalThis.used = opening.result;
              resolve();
            };
          }),
      );
      const lines = await browser.collectConsole();
      await setPassphrase();
      await loadedAnew(tokenkeep, 'view-home');
      await until('it is in vain', async () => (await lines.read()).some((line) => line.includes('could not be made anew')));
      assert.notEqual((await tokenkeep.raw('unsettled')).unsettled, undefined);
      await user.evaluate(() => globalThis.used.close());
      await settled();
      await bothWhole();
      await tokenkeep.inState(holder.id, 'token');
    },
  );

  test('though the copy opened too late once: it is closed again, and does not stand in the way', async () => {
    const { tokenkeep } = on;
    // The next one to open does not, until it is told to.
    await on.browser.evaluateInWorker((scope) => {
      const { open } = scope.IDBFactory.prototype;
      scope.timesClosed = 0;
      scope.IDBFactory.prototype.open = function (...words) {
        scope.IDBFactory.prototype.open = open;
        const opening = open.apply(this, words);
        const late = { result: null };
        opening.onsuccess = () => {
          const { close } = opening.result;
          opening.result.close = () => {
            scope.timesClosed += 1;
            close.call(opening.result);
          };
          scope.openLate = () => {
            late.result = opening.result;
            late.onsuccess({ target: late });
          };
        };
        return late;
      };
    });
    const lines = await on.browser.collectConsole();
    await tokenkeep.sendProfile({ name: 'another' });
    await until('it was not waited for', async () => (await lines.read()).some((line) => line.includes('does not answer')));
    assert.equal(await on.browser.evaluateInWorker((scope) => scope.timesClosed), 0);
    await on.browser.evaluateInWorker((scope) => scope.openLate());
    assert.equal(await on.browser.evaluateInWorker((scope) => scope.timesClosed), 1);
    await protect(tokenkeep);
    const copy = await copied(tokenkeep);
    assert.deepEqual(Object.entries(await texts()).filter(([key, text]) => copy[key] !== text), []);
  });

  test('and what is asked for between emptying and filling it is done as soon as it is filled', async () => {
    const { tokenkeep } = on;
    await on.browser.evaluateInWorker((scope) => {
      for (const local of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage.local))) {
        const { clear } = local;
        local.clear = async () => {
          local.clear = clear;
          await clear.call(local);
          await new Promise((resolve) => {
            scope.goOn = resolve;
          });
        };
      }
    });
    await setPassphrase();
    await throughReloads('it is empty', async () => Object.keys(await tokenkeep.raw()).length === 0);
    await reloaded(tokenkeep.page);
    await tokenkeep.page.evaluate((command) => void chrome.runtime.sendMessage(command), { Renew: { profile: holder.id } });
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.deepEqual(await tokenkeep.raw(), {}, 'it is empty still');
    await on.browser.evaluateInWorker((scope) => scope.goOn());
    await settled();
    await shows(tokenkeep, 'view-home');
    await until('it is renewed', async () => (await on.sandbox.tokenRequests()).length === 2);
    await tokenkeep.inState(holder.id, 'token');
    await bothWhole();
  });

  test('and a page that reads while it is empty stays as it is', async () => {
    const { tokenkeep } = on;
    await on.browser.evaluateInWorker((scope) => {
      const told = (name) =>
        new Promise((resolve) => {
          scope[name] = resolve;
        });
      for (const local of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage.local))) {
        const { clear } = local;
        local.clear = async () => {
          local.clear = clear;
          await told('empty');
          await clear.call(local);
          await told('fill');
        };
      }
    });
    await setPassphrase();
    await loadedAnew(tokenkeep, 'view-home');
    await mark(tokenkeep.page);
    await on.browser.evaluateInWorker((scope) => scope.empty());
    await until('it is empty', async () => Object.keys(await tokenkeep.raw()).length === 0);
    // What changes is read.
    await tokenkeep.page.evaluate(async () => {
      const { local } = chrome.storage;
      await local.set({ 'check:nobody': 'x' });
      await local.remove('check:nobody');
    });
    await pause(500);
    await on.browser.evaluateInWorker((scope) => scope.fill());
    await settled();
    await pause(500);
    assert.equal(await tokenkeep.page.evaluate(() => globalThis.former), true, 'it was not loaded anew');
    await tokenkeep.inState(holder.id, 'token');
    assert.equal(await tokenkeep.visible('#damage'), false, 'nothing was damaged');
    await bothWhole();
  });

  for (const [what, fields, button, next] of [
    ['set', undefined, undefined, PASSPHRASE],
    ['changed', { before: PASSPHRASE, passphrase: SECOND, again: SECOND }, undefined, SECOND],
    ['removed', { before: PASSPHRASE }, '#vault_remove', undefined],
  ]) {
    test(`and a worker that dies between emptying and filling it loses nothing: a passphrase is ${what}`, async () => {
      const { tokenkeep, browser } = on;
      const token = holder.first.token.access_token;
      if (fields) await (await protect(tokenkeep)).page.close();
      await browser.evaluateInWorker((scope) => {
        for (const local of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage.local))) {
          const { clear } = local;
          local.clear = async () => {
            await clear.call(local);
            await new Promise(() => {});
          };
        }
      });
      await mark(tokenkeep.page);
      await fillVault(browser, fields ?? { passphrase: PASSPHRASE, again: PASSPHRASE }, button);
      await throughReloads('it is empty', async () => Object.keys(await tokenkeep.raw()).length === 0);
      await browser.killWorker();
      await throughReloads('the next worker has started', () => tokenkeep.send('Look').then(() => true));
      await settled();
      await bothWhole();
      await shows(tokenkeep, 'view-home');
      await tokenkeep.inState(holder.id, 'token');
      if (next) {
        assert.ok(!JSON.stringify(await tokenkeep.raw()).includes(token));
        await lock(tokenkeep);
        await unlock(tokenkeep, next);
        await shows(tokenkeep, 'view-home');
      } else {
        assert.equal((await holder.stored()).token.access_token, token);
      }
      await tokenkeep.inState(holder.id, 'token');
    });
  }

  test('and where it can not be filled again, it comes back from the copy at once', async () => {
    const { tokenkeep } = on;
    await on.browser.evaluateInWorker((scope) => {
      for (const local of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage.local))) {
        const { clear, set } = local;
        local.clear = async () => {
          local.clear = clear;
          await clear.call(local);
          local.set = async () => {
            local.set = set;
            throw new Error('the disk is full');
          };
        };
      }
    });
    const lines = await on.browser.collectConsole();
    await setPassphrase();
    await until('it is in vain', async () => (await lines.read()).some((line) => line.includes('could not be made anew')));
    await loadedAnew(tokenkeep, 'view-home');
    await settled();
    await tokenkeep.inState(holder.id, 'token');
    await bothWhole();
    assert.ok(await tokenkeep.visible('#damage'), 'the person is told');
    await lock(tokenkeep);
    await unlock(tokenkeep);
    await shows(tokenkeep, 'view-home');
    await tokenkeep.inState(holder.id, 'token');
  });
});
