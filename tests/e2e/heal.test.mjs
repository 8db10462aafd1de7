// Storage that is damaged: what is put back, what is told, and what can still be saved.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { beforeEach, describe, test } from 'node:test';

import { copied } from './lib/copied.mjs';
import { Holder } from './lib/holder.mjs';
import { Manager } from './lib/manager.mjs';
import { onlyIn, stage, startFresh } from './lib/stage.mjs';
import { parseStored, storedText } from './lib/stored.mjs';
import { Tokenkeep, stopOver } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';
import { PASSPHRASE, lock, madeAnew, protect, shows, unlock } from './lib/vault.mjs';

const on = await stage();
let holder;
/** What stood in storage.local before something was damaged, without what the next test or flow writes anew. */
let before;

const precious = (items) =>
  Object.fromEntries(Object.entries(items).filter(([key]) => !/^~|^(trace|check):|^(reminded|notes|damage)$/.test(key)));

/** Changes the copy; `null` takes a key out. */
function spoilCopy(tokenkeep, texts) {
  return tokenkeep.page.evaluate(async (wanted) => {
    const { indexedDB: factory } = (await navigator.storageBuckets?.open('copy')) ?? globalThis;
    return new Promise((resolve, reject) => {
        const opening = factory.open('tokenkeep', 1);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const writing = opening.result.transaction('copy', 'readwrite');
          for (const [key, text] of Object.entries(wanted)) {
            if (text === null) writing.objectStore('copy').delete(key);
            else writing.objectStore('copy').put(text, key);
          }
          writing.oncomplete = resolve;
          opening.result.close();
        };
    });
  }, texts);
}

/** A copy of another version can't be opened; `gone` takes it away. */
function unreadableCopy(tokenkeep, gone = false) {
  return tokenkeep.page.evaluate(async (away) => {
    const bucket = await navigator.storageBuckets?.open('copy');
    const { indexedDB: factory } = bucket ?? globalThis;
    return new Promise((resolve, reject) => {
      const asking = away ? factory.deleteDatabase('tokenkeep') : factory.open('tokenkeep', 2);
      asking.onerror = () => reject(asking.error);
      asking.onsuccess = () => {
        asking.result?.close();
        resolve();
      };
    });
  }, gone);
}

/** Waits until the copy holds what storage.local does. */
function followed(tokenkeep) {
  return until('the copy has followed', async () => {
    const { schema, ...items } = precious(await tokenkeep.raw());
    const copy = await copied(tokenkeep);
    return schema === 2 && Object.keys(items).length > 0 && Object.entries(items).every(([key, text]) => copy[key] === text);
  });
}

/** Writes into storage.local behind the worker's back; `null` takes a key out. */
function spoil(tokenkeep, items) {
  return tokenkeep.page.evaluate(async (wanted) => {
    const gone = Object.keys(wanted).filter((key) => wanted[key] === null);
    await chrome.storage.local.set(Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== null)));
    await chrome.storage.local.remove(gone);
  }, items);
}

/** Has the worker start as with the browser, which looks storage through. */
async function browserStarts(tokenkeep) {
  await tokenkeep.browser.killWorker();
  await tokenkeep.page.evaluate(() => chrome.storage.session.remove('looked'));
  await tokenkeep.send('Look');
}

/** The text with another character in its middle. */
function flipped(text) {
  const at = text.length >> 1;
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
}

/** What the manager says of it: lines of what, whose and which outcome. */
async function told(browser) {
  const manager = await Manager.open(browser, '#recovery');
  await manager.shown('view-recovery');
  const lines = await manager.page.$$eval('.damaged-record', (records) =>
    records.map((record) =>
      ['.damaged-what', '.damaged-profile', '.damaged-outcome'].map((css) => record.querySelector(css).textContent).join(' | '),
    ),
  );
  return { manager, lines };
}

const damageOf = async (tokenkeep) => (await tokenkeep.record('damage'))?.records ?? [];

beforeEach(async () => {
  await startFresh(on);
  holder = await Holder.of(on.tokenkeep);
  // What the copy has of an earlier test goes.
  await browserStarts(on.tokenkeep);
  await followed(on.tokenkeep);
  before = precious(await on.tokenkeep.raw());
});

describe('a record', () => {
  const damages = {
    'with another byte': flipped,
    'cut off': (text) => text.slice(0, -3),
    empty: () => '',
    'that is no text': () => ({ id: 7 }),
    'that is gone': () => null,
    'of another key': (text, key) => storedText(`other${key}`, {}, 99),
  };

  for (const [how, damage] of Object.entries(damages)) {
    test(`${how} is as it was when the browser has started, and the person is told`, async () => {
      const { tokenkeep, browser } = on;
      const texts = Object.entries(before).filter(([key]) => key !== 'schema');
      assert.deepEqual(
        texts.map(([key]) => key).sort(),
        ['index', 'keys', `profile:${holder.id}`, `secret:${holder.id}`, `token:${holder.id}`].sort(),
      );
      await spoil(tokenkeep, Object.fromEntries(texts.map(([key, text]) => [key, damage(text, key)])));
      await browserStarts(tokenkeep);
      assert.deepEqual(precious(await tokenkeep.raw()), before);
      const damaged = await damageOf(tokenkeep);
      assert.deepEqual(
        damaged.map(({ key, outcome }) => [key, outcome]).sort(),
        texts.map(([key]) => [key, 'Restored']).sort(),
      );
      await tokenkeep.reload();
      await tokenkeep.inState(holder.id, 'token');
      assert.ok(await tokenkeep.visible('#damage'));
      const { manager, lines } = await told(browser);
      assert.ok(lines.includes('Token | live_https | Restored'), lines.join('\n'));
      await manager.click('#understood');
      await until('nothing more is said', async () => !(await tokenkeep.visible('#damage')));
      await manager.shown('view-profiles');
      assert.deepEqual(precious(await tokenkeep.raw()), before);
    });
  }

  test('that a page can not read is put back at once', async () => {
    const { tokenkeep, browser } = on;
    for (const key of ['index', `profile:${holder.id}`, `token:${holder.id}`]) {
      await spoil(tokenkeep, { [key]: flipped(before[key]) });
      const other = await Tokenkeep.open(browser);
      await other.inState(holder.id, 'token');
      assert.deepEqual(precious(await tokenkeep.raw()), before, key);
      await other.page.close();
    }
  });

  test('whose copy is damaged as well is as it was before its last write', async () => {
    const { tokenkeep, browser } = on;
    const key = `token:${holder.id}`;
    await holder.change({ access_token: 'AQXnewer' });
    const newer = await tokenkeep.raw(key);
    await spoilCopy(tokenkeep, { [key]: flipped(newer[key]) });
    await spoil(tokenkeep, { [`~${key}`]: before[key], [key]: flipped(newer[key]) });
    await browserStarts(tokenkeep);
    assert.deepEqual(precious(await tokenkeep.raw()), before);
    assert.deepEqual(await damageOf(tokenkeep), [{ key, outcome: 'Older' }]);
    const { lines } = await told(browser);
    assert.deepEqual(lines, ['Token | live_https | Restored from before its last change']);
  });

  test('of which nothing is left is told as lost, and what is left can be saved and used', async () => {
    const { tokenkeep, browser } = on;
    const key = `secret:${holder.id}`;
    await spoilCopy(tokenkeep, { [key]: null });
    await spoil(tokenkeep, { [key]: flipped(before[key]), [`~${key}`]: null });
    await browserStarts(tokenkeep);
    const { manager, lines } = await told(browser);
    assert.deepEqual(lines, ['Client secret | live_https | Lost']);
    assert.match(await manager.text('.damaged-fix'), /enter its secret again/);
    const saved = await rescued(manager, '#view-recovery .rescue');
    assert.equal(parseStored(`token:${holder.id}`, saved.local[`token:${holder.id}`]).record.token.access_token, holder.first.token.access_token);
    await manager.click('#understood');
    await until('nothing more is said', async () => (await damageOf(tokenkeep)).length === 0);
    await browserStarts(tokenkeep);
    assert.deepEqual(await damageOf(tokenkeep), [], 'it is expected no more');
    await tokenkeep.reload();
    await tokenkeep.edit(holder.id);
    await tokenkeep.fillSetup({ client_secret: on.sandbox.ready.app.client_secret });
    await tokenkeep.save();
    assert.equal(await (await tokenkeep.authorize(holder.id)).outcome(), 'Token');
  });

  test('of a profile that is lost takes its remains along when that was seen', async () => {
    const { tokenkeep, browser } = on;
    const key = `profile:${holder.id}`;
    await spoilCopy(tokenkeep, { [key]: null });
    await spoil(tokenkeep, { [key]: null, [`~${key}`]: null });
    await browserStarts(tokenkeep);
    const { manager, lines } = await told(browser);
    assert.deepEqual(lines, ['Profile | live_https | Lost']);
    await manager.click('#understood');
    await until('its remains are gone', async () => {
      const left = Object.keys(await tokenkeep.raw()).filter((name) => name.endsWith(holder.id));
      return left.length === 0 && (await tokenkeep.index()).length === 0;
    });
  });
});

describe('storage', () => {
  test('that is empty though there was something is no first run', async () => {
    const { tokenkeep, browser } = on;
    await tokenkeep.page.evaluate(() => chrome.storage.local.clear());
    const other = await Tokenkeep.open(browser);
    await other.inState(holder.id, 'token');
    assert.deepEqual(precious(await tokenkeep.raw()), before);
    assert.ok(await other.visible('#damage'));
  });

  test('that a page finds empty is looked through, though two workers are stopped over it', async () => {
    const { tokenkeep } = on;
    const stopped = await stopOver(tokenkeep.page, 'Heal');
    await tokenkeep.page.evaluate(() => chrome.storage.local.clear());
    await until('both were asked', async () => (await stopped()) === 2);
    await until('it was healed', async () => JSON.stringify(precious(await tokenkeep.raw())) === JSON.stringify(before));
    await tokenkeep.inState(holder.id, 'token');
    assert.equal(await tokenkeep.view(), 'view-home');
  });

  test('whose list is lost lists what is there', async () => {
    const { tokenkeep, browser } = on;
    await spoilCopy(tokenkeep, { index: 'damaged' });
    await spoil(tokenkeep, { index: null, '~index': null });
    await browserStarts(tokenkeep);
    const other = await Tokenkeep.open(browser);
    await other.inState(holder.id, 'token');
    const { lines } = await told(browser);
    assert.deepEqual(lines, ['List of profiles |  | Lost']);
  });

  test('that is empty, and whose copy can not be read, is a first run only where no host was granted', async (t) => {
    const { tokenkeep, browser } = on;
    t.after(() => unreadableCopy(tokenkeep, true));
    const empty = async () => {
      // A copy that nobody needs is made anew where it can't be read.
      await unreadableCopy(tokenkeep);
      await tokenkeep.page.evaluate(() => chrome.storage.local.clear());
      await browserStarts(tokenkeep);
      return (await damageOf(tokenkeep)).map(({ key, outcome }) => [key, outcome]);
    };
    assert.deepEqual(await empty(), [['index', 'Lost']]);
    const other = await Tokenkeep.open(browser);
    await other.shown('view-setup');
    assert.ok(await other.visible('#damage'));
    const { manager, lines } = await told(browser);
    assert.deepEqual(lines, ['List of profiles |  | Lost']);
    // Nothing outdoes what the copy may have when it can be read again.
    assert.equal((await tokenkeep.raw('index')).index, undefined);
    await manager.click('#understood');
    await until('nothing more is said', async () => !(await other.visible('#damage')));
    await tokenkeep.removeHosts();
    assert.deepEqual(await empty(), []);
    await other.reload();
    await other.shown('view-setup');
    assert.ok(!(await other.visible('#damage')));
  });

  test('whose copy is gone or damaged has a new one at the next start, and nothing is said', async () => {
    const { tokenkeep } = on;
    const copy = await copied(tokenkeep);
    const spoiled = {
      gone: Object.fromEntries(Object.keys(copy).map((key) => [key, null])),
      damaged: Object.fromEntries(Object.entries(copy).map(([key, text]) => [key, flipped(text)])),
      older: { [`token:${holder.id}`]: storedText(`token:${holder.id}`, holder.first, 0) },
      more: { 'token:deleted': storedText('token:deleted', holder.first, 7) },
    };
    for (const [how, texts] of Object.entries(spoiled)) {
      await spoilCopy(tokenkeep, texts);
      await browserStarts(tokenkeep);
      assert.deepEqual(await copied(tokenkeep), copy, how);
      assert.deepEqual(await damageOf(tokenkeep), [], how);
    }
  });

  test('whose schema number is damaged is no newer one', async () => {
    const { tokenkeep, browser } = on;
    for (const schema of [3, 99, 'x', null]) {
      await spoil(tokenkeep, { schema });
      const other = await Tokenkeep.open(browser);
      await other.inState(holder.id, 'token');
      await other.page.close();
      await browserStarts(tokenkeep);
      assert.deepEqual(precious(await tokenkeep.raw()), before, String(schema));
    }
  });

  test('of a newer version is not written over, not healed, and can be saved', async () => {
    const { tokenkeep, browser } = on;
    const { keys } = parseStored('keys', before.keys).record;
    const newer = { schema: 99, keys: storedText('keys', { schema: 99, keys }, 2 ** 52), index: null, unsettled: '' };
    await spoil(tokenkeep, newer);
    const stands = await tokenkeep.raw();
    const other = new Tokenkeep(browser, await browser.openExtensionPage('popup.html'));
    await other.shown('view-error');
    assert.match(await other.text('#error-text'), /newer version.*99/);
    const reply = await other.send(other.newProfile());
    assert.match(reply.Failed.message, /schema 99/);
    await browserStarts(tokenkeep);
    assert.deepEqual(await tokenkeep.raw(), stands);
    const saved = await rescued(other, '#view-error .rescue');
    assert.deepEqual(saved.local, stands);
    assert.equal(saved.copy[`token:${holder.id}`], before[`token:${holder.id}`]);
  });

  // As a browser does whose files are damaged: each time.
  const refuseReads = (scope) => {
    for (const local of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage.local))) {
      local.get = async () => {
        throw new Error('Invalid JSON');
      };
    }
  };

  test('that the worker can not read is not written over', async () => {
    const { tokenkeep, browser, sandbox } = on;
    const stands = await tokenkeep.raw();
    const asked = (await sandbox.tokenRequests()).length;
    await browser.evaluateInWorker(refuseReads);
    for (const command of [{ Renew: { profile: holder.id } }, { Authorize: { profile: holder.id } }, tokenkeep.newProfile()]) {
      assert.match((await tokenkeep.send(command)).Failed.message, /Invalid JSON/, JSON.stringify(command));
    }
    assert.equal((await sandbox.tokenRequests()).length, asked);
    assert.deepEqual(await tokenkeep.raw(), stands);
    // The next one reads again.
    await browser.killWorker();
    await browserStarts(tokenkeep);
    assert.deepEqual(await damageOf(tokenkeep), []);
    await tokenkeep.reload();
    await tokenkeep.inState(holder.id, 'token');
  });

  test(
    'that a page can not read at all: it says so, and the copy can be saved',
    onlyIn('chromium', 'nothing runs before a page of the extension in Firefox'),
    async () => {
      const { browser } = on;
      const page = await browser.newPage();
      await page.evaluateOnNewDocument(`(${refuseReads})(globalThis)`);
      await page.goto(`${browser.origin}/popup.html`, { waitUntil: 'domcontentloaded' });
      const other = new Tokenkeep(browser, page);
      await other.shown('view-error');
      assert.match(await other.text('#error-text'), /Invalid JSON/);
      const saved = await rescued(other, '#view-error .rescue');
      assert.match(saved.local, /Invalid JSON/);
      assert.equal(saved.copy[`token:${holder.id}`], before[`token:${holder.id}`]);
    },
  );

  test('of a newer version is not renewed: the answer could not be stored', async () => {
    const { tokenkeep, sandbox } = on;
    const { keys } = parseStored('keys', before.keys).record;
    await holder.daysLeft(2);
    await spoil(tokenkeep, { schema: 99, keys: storedText('keys', { schema: 99, keys }, 2 ** 52) });
    const stands = await tokenkeep.raw();
    const asked = (await sandbox.tokenRequests()).length;
    await tokenkeep.ring();
    await until('the alarm has rung', async () => !(await tokenkeep.alarms()).some(({ name, scheduledTime }) => name === 'tokens' && scheduledTime < Date.now() + 60_000));
    for (const command of [{ Renew: { profile: holder.id } }, { Authorize: { profile: holder.id } }, { RemoveToken: { profile: holder.id } }, 'Understood']) {
      assert.match((await tokenkeep.send(command)).Failed.message, /schema 99/, JSON.stringify(command));
    }
    assert.equal((await sandbox.tokenRequests()).length, asked);
    assert.deepEqual(await tokenkeep.raw(), stands);
  });

  test('of the first schema is carried over, and its copy is made', async () => {
    const { tokenkeep, browser } = on;
    const vector = new URL('../vectors/storage/2026-11-24-schema-1.json', import.meta.url);
    const { items } = JSON.parse(await readFile(vector, 'utf8'));
    const { schema, ...first } = items;
    await spoilCopy(tokenkeep, Object.fromEntries(Object.keys(await copied(tokenkeep)).map((key) => [key, null])));
    await tokenkeep.page.evaluate(() => chrome.storage.local.clear());
    await spoil(tokenkeep, items);
    await browserStarts(tokenkeep);
    const now = await tokenkeep.raw();
    for (const [key, record] of Object.entries(first)) assert.deepEqual(parseStored(key, now[key])?.record, record, key);
    assert.deepEqual([schema, now.schema], [1, 2]);
    await followed(tokenkeep);
    assert.deepEqual(await damageOf(tokenkeep), []);
    const other = await Tokenkeep.open(browser);
    await other.inState('p-a', 'token');
    await other.inState('p-b', 'ready');
  });

  test('that is sealed heals while it is locked', async () => {
    const { tokenkeep } = on;
    await protect(tokenkeep);
    await followed(tokenkeep);
    await lock(tokenkeep);
    const sealed = precious(await tokenkeep.raw());
    const keys = ['index', 'vault', `profile:${holder.id}`, `secret:${holder.id}`, `token:${holder.id}`];
    await spoil(tokenkeep, Object.fromEntries(keys.map((key) => [key, flipped(sealed[key])])));
    await browserStarts(tokenkeep);
    await madeAnew(tokenkeep);
    assert.deepEqual(precious(await tokenkeep.raw()), sealed);
    await tokenkeep.reload();
    await shows(tokenkeep, 'view-locked');
    assert.ok(!(await tokenkeep.visible('#damage')));
    await unlock(tokenkeep, PASSPHRASE);
    await shows(tokenkeep, 'view-home');
    await tokenkeep.inState(holder.id, 'token');
    assert.ok(await tokenkeep.visible('#damage'));
  });

  test('that is full says so, and what stood there stays', onlyIn('chromium', 'Firefox has no such quota'), async () => {
    const { tokenkeep } = on;
    const fill = (length) => tokenkeep.page.evaluate((count) => chrome.storage.local.set({ junk: 'x'.repeat(count) }), length);
    const free = await tokenkeep.page.evaluate(async () => chrome.storage.local.QUOTA_BYTES - (await chrome.storage.local.getBytesInUse(null)));
    await fill(free - 100);
    const reply = await tokenkeep.send(tokenkeep.newProfile({ name: 'one too many' }));
    assert.match(JSON.stringify(reply), /Failed.*quota/i);
    const flow = await tokenkeep.authorize(holder.id);
    assert.equal(await flow.outcome(), 'storage_failed');
    assert.equal(await tokenkeep.storedToken(holder.id), holder.first.token.access_token);
    const { what } = await tokenkeep.finding(holder.id);
    assert.match(what, /could not save/);
    await tokenkeep.page.evaluate(() => chrome.storage.local.remove('junk'));
    await browserStarts(tokenkeep);
    assert.deepEqual(await damageOf(tokenkeep), []);
  });
});

/** What a click on this button saves. */
async function rescued(page, button) {
  await page.page.evaluate(() => {
    globalThis.saved = new Promise((resolve) => {
      URL.createObjectURL = (blob) => {
        resolve(blob.text());
        return '#saved';
      };
      // Nothing is to land in a folder.
      HTMLAnchorElement.prototype.click = () => {};
    });
  });
  await page.click(button);
  return JSON.parse(await page.page.evaluate(() => globalThis.saved));
}
