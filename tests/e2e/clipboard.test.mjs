// The clipboard after a copy: cleared after a time and when storage is locked, if it still holds what was copied here.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { Holder } from './lib/holder.mjs';
import { Manager } from './lib/manager.mjs';
import { BROWSER, onlyIn, stage, startFresh } from './lib/stage.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';
import { keyGone, lock, protect } from './lib/vault.mjs';

const PERMISSIONS = ['clipboardRead', 'clipboardWrite', ...(BROWSER === 'chromium' ? ['offscreen'] : [])];

// Firefox asks nobody in the tests; Chromium would ask for these.
const on = await stage({ agreed: ['clipboardRead', 'clipboardWrite'] });

let holder;
let token;

beforeEach(async () => {
  await startFresh(on);
  await on.tokenkeep.page.evaluate((permissions) => chrome.permissions.remove({ permissions }), PERMISSIONS);
  holder = await Holder.of(on.tokenkeep);
  token = holder.first.token.access_token;
});

/** Switches it on as a person does, with this time. */
async function switchOn(seconds = '60') {
  const manager = await Manager.at(on.browser, 'settings');
  await manager.click('#clear_clipboard');
  await until('it is stored', async () => (await stored()) === 60);
  if (seconds !== '60') {
    await manager.page.select('#clear_after', seconds);
    await until('the time is stored', async () => (await stored()) === Number(seconds));
  }
  assert.equal(await permitted(), true);
  await manager.page.close();
  await on.tokenkeep.front();
}

async function stored() {
  return (await on.tokenkeep.record('settings'))?.clear_after_s;
}

function permitted() {
  return on.tokenkeep.page.evaluate((permissions) => chrome.permissions.contains({ permissions }), PERMISSIONS);
}

/** What the session knows of the last copy. */
function known() {
  return on.tokenkeep.page.evaluate(async () => (await chrome.storage.session.get('copied')).copied);
}

/** Copies by a button of the card; returns what the clipboard holds. */
async function copy(button) {
  const text = await on.tokenkeep.copied(`${holder.card} ${button}`);
  await until('the button is itself again', async () => (await on.tokenkeep.text(`${holder.card} ${button}`)) !== 'Copied');
  return text;
}

/** Copies, and waits until the worker knows. */
async function copyKnown(button) {
  const before = await known();
  const text = await copy(button);
  const copied = await until('the copy is known', async () => {
    const now = await known();
    return now && now.hash !== before?.hash && now;
  });
  return { text, copied };
}

/** The time is over. */
function ring() {
  return on.tokenkeep.page.evaluate(() => chrome.alarms.create('clipboard', { when: Date.now() + 300 }));
}

function holds(text) {
  return until(`the clipboard holds ${text === '' ? 'nothing' : 'it'}`, async () => (await on.browser.readClipboard()) === text);
}

/** The worker has looked and has nothing left to do. */
function forgotten() {
  return until('the copy is forgotten', async () => (await known()) === undefined);
}

describe('switched off, as it is at first', () => {
  test('nothing is asked for, and no copy is remembered', async () => {
    assert.equal(await permitted(), false);
    assert.equal(await copy('.profile-main'), token);
    await on.tokenkeep.send({ Copied: { text: token } });
    assert.equal(await known(), undefined);
    const manager = await Manager.at(on.browser, 'settings');
    assert.equal(await manager.page.$eval('#clear_clipboard', (box) => box.checked), false);
    assert.equal(await manager.visible('#clear_after'), false);
    assert.equal(await manager.visible('#clear_clipboard_missing'), false);
    await manager.page.close();
  });

  test('a refusal is told, and nothing is stored', onlyIn('chromium', 'nobody can refuse in the tests of Firefox'), async () => {
    const manager = await Manager.at(on.browser, 'settings');
    await manager.page.evaluate(() => {
      chrome.permissions.request = async (wanted) => {
        globalThis.asked = wanted;
        return false;
      };
    });
    await manager.click('#clear_clipboard');
    await until('the refusal shows', () => manager.visible('#clear_clipboard_refused'));
    assert.equal(await manager.page.$eval('#clear_clipboard', (box) => box.checked), false);
    assert.deepEqual(await manager.page.evaluate(() => globalThis.asked), { permissions: PERMISSIONS });
    assert.equal(await stored(), undefined);
    await manager.page.close();
  });
});

describe('switched on, the clipboard', () => {
  test('is cleared after the time that was chosen, the page closed and the worker stopped', async () => {
    await switchOn('30');
    const { text, copied } = await copyKnown('.profile-main');
    assert.equal(text, token);
    const left = copied.due_ms - Date.now();
    assert.ok(left > 15_000 && left <= 30_000, `${left}`);
    await on.tokenkeep.asleep('the clipboard is cleared', async () => (await on.browser.readClipboard()) === '', { timeout: 90_000 });
    assert.ok(Date.now() >= copied.due_ms, 'and not before');
    await forgotten();
  });

  test('is cleared of every form of the token, and what is remembered of it is no secret', async () => {
    await switchOn();
    const { page } = on.tokenkeep;
    for (const button of ['.copy-token', '.copy-header', '.copy-curl', '.copy-as']) {
      if (button === '.copy-as') await page.select(`${holder.card} .copy-format`, 'kubernetes');
      const { text, copied } = await copyKnown(button);
      assert.ok(text.includes(token) || text.includes(Buffer.from(token).toString('base64')), button);
      assert.deepEqual(Object.keys(copied).sort(), ['due_ms', 'hash', 'salt']);
      assert.match(copied.hash, /^[0-9a-f]{64}$/);
      assert.match(copied.salt, /^[0-9a-f]{32}$/);
      const session = await page.evaluate(async () => JSON.stringify(await chrome.storage.session.get(null)));
      assert.ok(!session.includes(token), button);
      await ring();
      await holds('');
      await forgotten();
    }
  });

  test('is left alone when it holds something else by then', async () => {
    await switchOn();
    const first = await copyKnown('.profile-main');
    const other = await copy('.profile-redirect-copy');
    assert.deepEqual(await known(), first.copied, 'a copy without a token is none of its business');
    await ring();
    await forgotten();
    assert.equal(await on.browser.readClipboard(), other);
  });

  test('is left alone when it holds the token with something around it', async () => {
    await switchOn();
    await copyKnown('.profile-main');
    const other = await copyElsewhere(`${token} `);
    await ring();
    await forgotten();
    assert.equal(await on.browser.readClipboard(), other);
  });

  test('is left alone when the permission was taken back, and the settings say so', async () => {
    await switchOn();
    await copyKnown('.profile-main');
    const { page } = on.tokenkeep;
    assert.equal(await page.evaluate((permissions) => chrome.permissions.remove({ permissions }), PERMISSIONS), true);
    await ring();
    await forgotten();
    assert.equal(await on.browser.readClipboard(), token);
    const manager = await Manager.at(on.browser, 'settings');
    assert.equal(await manager.visible('#clear_clipboard_missing'), true);
    assert.equal(await manager.page.$eval('#clear_clipboard', (box) => box.checked), false);
    await manager.click('#clear_clipboard');
    await until('it is on again', permitted);
    await until('the note is gone', async () => !(await manager.visible('#clear_clipboard_missing')));
    await manager.page.close();
  });

  test('is cleared by the next worker when the last one was stopped over it and its alarm is lost', async () => {
    await switchOn();
    const { copied } = await copyKnown('.profile-main');
    const { page } = on.tokenkeep;
    await on.browser.killWorker();
    await page.evaluate(
      async (plan) => {
        await chrome.alarms.clear('clipboard');
        await chrome.storage.session.set({ copied: { ...plan, due_ms: Date.now() - 1 } });
      },
      copied,
    );
    assert.equal(await on.browser.readClipboard(), token);
    await on.tokenkeep.send('Look');
    await holds('');
    await forgotten();
  });

  test('gets its alarm back from the next worker when it was lost before the time', async () => {
    await switchOn();
    const { copied } = await copyKnown('.profile-main');
    await on.browser.killWorker();
    await on.tokenkeep.page.evaluate(() => chrome.alarms.clear('clipboard'));
    await on.tokenkeep.send('Look');
    const alarm = await until('the alarm is there', async () =>
      (await on.tokenkeep.alarms()).find(({ name }) => name === 'clipboard'),
    );
    assert.equal(Math.round(alarm.scheduledTime), copied.due_ms);
    assert.equal(await on.browser.readClipboard(), token);
  });

  test(
    'is cleared though a stopped worker left its document open',
    onlyIn('chromium', 'Firefox needs no document beside its background page'),
    async () => {
      await switchOn();
      await copyKnown('.profile-main');
      const { page } = on.tokenkeep;
      const open = () => page.evaluate(() => chrome.offscreen.hasDocument());
      await page.evaluate(() =>
        chrome.offscreen.createDocument({ url: 'clipboard.html', reasons: ['CLIPBOARD'], justification: 'left open' }),
      );
      assert.equal(await open(), true);
      await ring();
      await holds('');
      await until('no document is left', async () => !(await open()));
    },
  );

  test('is cleared at once when storage is locked', async () => {
    await switchOn('300');
    await protect(on.tokenkeep);
    await on.tokenkeep.expand(holder.id);
    await copyKnown('.profile-main');
    await lock(on.tokenkeep);
    await keyGone(on.tokenkeep);
    await holds('');
    await forgotten();
  });

  test('is left alone once it is switched off', async () => {
    await switchOn();
    await copyKnown('.profile-main');
    const manager = await Manager.at(on.browser, 'settings');
    await manager.click('#clear_clipboard');
    await until('it is off', async () => (await stored()) === null);
    await manager.page.close();
    await ring();
    await forgotten();
    assert.equal(await on.browser.readClipboard(), token);
  });
});

/** Somebody else puts a text on the clipboard. */
async function copyElsewhere(text) {
  const page = await on.browser.openExtensionPage('popup.html');
  const other = new Tokenkeep(on.browser, page);
  await other.shown();
  // A click, because browsers let nobody write otherwise.
  await page.evaluate((wanted) => {
    document.addEventListener('click', () => void navigator.clipboard.writeText(wanted), { once: true, capture: true });
  }, text);
  await page.bringToFront();
  await page.click('h1, main');
  await holds(text);
  await page.close();
  await on.tokenkeep.front();
  return text;
}
