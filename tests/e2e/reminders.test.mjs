// Reminders before a token ends. Chromium asks a person before it lets an extension notify, and headless nobody answers:
// there a stand-in in the worker hears what would be shown. Headless Firefox closes a notification at once: there the
// browser has an alert service that keeps it.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Holder } from './lib/holder.mjs';
import { onlyIn, stage, startFresh } from './lib/stage.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

let holder;

beforeEach(async () => {
  await startFresh(on);
  holder = await Holder.of(on.tokenkeep, { name: 'Production' });
  // What renews itself needs no reminder.
  await holder.renewByClick();
  if (on.browser.name === 'firefox') {
    await on.browser.grantPermissions(['notifications']);
    await on.browser.keepNotifications();
    await clear();
  } else {
    await standIn();
  }
});

function standIn() {
  return on.browser.evaluateInWorker(() => {
    const shown = {};
    const notifications = {
      create: async (name, options) => {
        shown[name] = options;
      },
      clear: async (name) => delete shown[name],
      getAll: async () => shown,
      onClicked: {
        addListener: (listener) => {
          globalThis.clicked = () => Object.keys(shown).forEach(listener);
        },
        removeListener: () => {},
      },
    };
    for (const root of [globalThis.browser, globalThis.chrome]) if (root) root.notifications = notifications;
  });
}

/** Runs where the notifications are known. */
const listen = (run) => (on.browser.name === 'firefox' ? on.tokenkeep.page.evaluate(run) : on.browser.evaluateInWorker(run));

/** What is shown, by id. */
const shown = () => listen(() => chrome.notifications.getAll());

const clear = () =>
  listen(async () => {
    for (const name of Object.keys(await chrome.notifications.getAll())) await chrome.notifications.clear(name);
  });

/** The one reminder that is shown. */
function reminder() {
  return until('the reminder is shown', async () => {
    const all = await shown();
    const names = Object.keys(all);
    if (names.length === 0) return false;
    assert.deepEqual(names, [`reminder:${holder.id}`]);
    return all[names[0]];
  });
}

async function clickReminder() {
  const { tokenkeep, browser } = on;
  if (browser.name === 'firefox') return browser.clickNotification(`reminder:${holder.id}`);
  // A permission that comes makes the worker listen anew: now to the stand-in.
  await tokenkeep.removeHosts(['http://localhost/*']);
  await tokenkeep.grantHosts(['http://localhost/*']);
  await until('it listens to clicks', () => listen(() => globalThis.clicked !== undefined));
  return listen(() => globalThis.clicked());
}

function save(settings) {
  return on.tokenkeep.send({ SaveSettings: { settings } });
}

/** Nothing is shown, and another look changes nothing of that. */
async function nothingShown() {
  await on.tokenkeep.ring();
  await on.tokenkeep.looked();
  assert.deepEqual(await shown(), {});
}

async function reminded(days) {
  await until(`the reminder of day ${days} is written down`, async () => {
    const list = (await on.tokenkeep.record('reminded')) ?? [];
    return list.some((entry) => entry.profile === holder.id && entry.days === days);
  });
}

test('a reminder at 14, 3 and 1 days, each once', async () => {
  assert.equal(await save({ remind_days: [14, 3, 1], notify: true }), 'Done');
  // Sixty days are left.
  await nothingShown();
  for (const [left, days, text] of [
    [13.5, 14, /14 days/],
    [2.5, 3, /3 days/],
    [0.5, 1, /1 day/],
  ]) {
    await holder.daysLeft(left);
    await on.tokenkeep.ring();
    await reminded(days);
    const { title, message } = await reminder();
    assert.equal(title, 'Production');
    assert.match(message, text);
    assert.ok(!message.includes(await on.tokenkeep.storedToken(holder.id)), 'no token in it');
    await clear();
    assert.equal(await save({ remind_days: [14, 3, 1], notify: true }), 'Done');
    await nothingShown();
  }
});

test('other days, and none without the wish', async () => {
  assert.equal(await save({ remind_days: [30], notify: false }), 'Done');
  await holder.daysLeft(20);
  await nothingShown();
  assert.equal(await save({ remind_days: [30], notify: true }), 'Done');
  await reminded(30);
  const { message } = await reminder();
  assert.match(message, /20 days/);
});

test('of the end of the refresh token, which is that of the last access token, once LinkedIn wants a click', async () => {
  const { tokenkeep, sandbox } = on;
  await sandbox.fault('authorization', { kind: 'redirect', status: 303, location: 'https://www.linkedin.com/uas/login' });
  await holder.daysLeft(13.5);
  await holder.change({ refresh_token: 'AQW-a-year-old', refresh_expires_ms: Date.now() + 13.5 * 86_400_000 });
  await tokenkeep.change(`profile:${holder.id}`, { renew_automatically: true });
  assert.equal(await save({ remind_days: [14, 3, 1], notify: true }), 'Done');
  await until('LinkedIn wanted a click', async () => (await tokenkeep.engine()).ended[holder.id]?.finding?.code === 'needs_click');
  await tokenkeep.ring();
  await reminded(14);
  assert.match((await reminder()).message, /14 days/);
});

for (const [state, prepare, where] of [
  ['runs', () => {}, {}],
  ['is stopped', ({ browser }) => browser.killWorker(), onlyIn('firefox', 'the stand-in ends with the worker')],
]) {
  test(`a click on it takes it away and opens the profiles, while the worker ${state}`, where, async () => {
    const { browser } = on;
    await holder.daysLeft(2);
    assert.equal(await save({ remind_days: [3], notify: true }), 'Done');
    await reminder();
    const before = new Set((await browser.pages()).map(({ page }) => page));
    await prepare(on);
    await clickReminder();
    const { page } = await until('the profiles are open', async () =>
      (await browser.pages()).find(({ page, url }) => !before.has(page) && url === `${browser.origin}/popup.html`),
    );
    const opened = new Tokenkeep(browser, page);
    await opened.shown('view-home');
    await opened.inState(holder.id, 'token');
    await until('it is gone', async () => Object.keys(await shown()).length === 0);
    assert.equal(await page.evaluate(() => document.visibilityState), 'visible', 'the tab is in front');
    assert.equal((await browser.pages()).length, before.size + 1);
  });
}
