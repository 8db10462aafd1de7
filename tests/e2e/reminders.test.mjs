// Reminders before a token ends. Chromium asks a person before it lets an extension notify, and headless nobody answers:
// there a stand-in in the worker hears what would be shown. Headless Firefox takes a notification and closes it at once:
// there only its id is heard.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { onlyIn, stage } from './lib/stage.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const DAY_MS = 86_400_000;

let id;

beforeEach(async () => {
  const { tokenkeep, sandbox, browser: driver } = on;
  await driver.setPrompts('allow');
  await tokenkeep.startOver();
  await tokenkeep.grantHosts();
  await sandbox.session(sandbox.ready.member.username);
  id = await tokenkeep.addSandboxProfile('live_https', { name: 'Production' });
  await (await tokenkeep.authorize(id)).complete();
  // What renews itself needs no reminder.
  await tokenkeep.changeProfile(id, { renew_automatically: false });
  if (driver.name === 'firefox') {
    await driver.grantPermissions(['notifications']);
    await tokenkeep.page.evaluate(() => {
      globalThis.shown = {};
      browser.notifications.onClosed.addListener((name) => {
        globalThis.shown[name] = {};
      });
    });
  } else {
    await standIn();
  }
});

const endsIn = (ms) => on.tokenkeep.changeToken(id, { expires_ms: Date.now() + ms });

function standIn() {
  return on.browser.evaluateInWorker(() => {
    globalThis.shown = {};
    const notifications = {
      create: async (name, options) => {
        globalThis.shown[name] = options;
      },
      clear: async (name) => delete globalThis.shown[name],
      onClicked: {
        addListener: (listener) => {
          globalThis.clicked = listener;
        },
        removeListener: () => {},
      },
    };
    for (const root of [globalThis.browser, globalThis.chrome]) if (root) root.notifications = notifications;
  });
}

/** Runs where notifications are heard. */
const listen = (run) => (on.browser.name === 'firefox' ? on.tokenkeep.page.evaluate(run) : on.browser.evaluateInWorker(run));

/** What was shown, by id. */
const shown = () => listen(() => globalThis.shown);

const clear = () =>
  listen(() => {
    globalThis.shown = {};
  });

/** The one reminder that was shown. */
function reminder() {
  return until('the reminder is shown', async () => {
    const all = await shown();
    const names = Object.keys(all);
    if (names.length === 0) return false;
    assert.deepEqual(names, [`reminder:${id}`]);
    return all[names[0]];
  });
}

function save(settings) {
  return on.tokenkeep.page.evaluate((value) => chrome.runtime.sendMessage({ SaveSettings: { settings: value } }), settings);
}

async function reminded(days) {
  await until(`the reminder of day ${days} is written down`, async () => {
    const { reminded: list = [] } = await on.tokenkeep.local('reminded');
    return list.some((entry) => entry.profile === id && entry.days === days);
  });
}

test('a reminder at 14, 3 and 1 days, each once', async () => {
  assert.equal(await save({ remind_days: [14, 3, 1], notify: true }), 'Done');
  await pause(500);
  assert.deepEqual(await shown(), {}, 'sixty days are left');
  for (const [left, days, text] of [
    [13.5 * DAY_MS, 14, /14 days/],
    [2.5 * DAY_MS, 3, /3 days/],
    [0.5 * DAY_MS, 1, /1 day/],
  ]) {
    await endsIn(left);
    await on.tokenkeep.ring();
    await reminded(days);
    const { title, message } = await reminder();
    if (on.browser.name !== 'firefox') {
      assert.equal(title, 'Production');
      assert.match(message, text);
      assert.ok(!message.includes(await on.tokenkeep.storedToken(id)), 'no token in it');
    }
    await clear();
    // Another look says nothing new.
    assert.equal(await save({ remind_days: [14, 3, 1], notify: true }), 'Done');
    await pause(700);
    assert.deepEqual(await shown(), {});
  }
});

test('other days, and none without the wish', async () => {
  assert.equal(await save({ remind_days: [30], notify: false }), 'Done');
  await endsIn(20 * DAY_MS);
  await on.tokenkeep.ring();
  await on.tokenkeep.looked();
  await pause(500);
  assert.deepEqual(await shown(), {});
  assert.equal(await save({ remind_days: [30], notify: true }), 'Done');
  await reminded(30);
  const { message } = await reminder();
  if (on.browser.name !== 'firefox') assert.match(message, /20 days/);
});

test('a click on it takes it away and opens the profiles', onlyIn('chromium', 'headless Firefox closes a notification before anybody can click'), async () => {
  const { tokenkeep, browser } = on;
  // A permission that comes makes the worker listen anew: now to the stand-in.
  await tokenkeep.removeHosts(['http://localhost/*']);
  await tokenkeep.grantHosts(['http://localhost/*']);
  assert.equal(await save({ remind_days: [3], notify: true }), 'Done');
  await until('it listens to clicks', () => listen(() => globalThis.clicked !== undefined));
  await endsIn(2.5 * DAY_MS);
  await tokenkeep.ring();
  await reminder();
  const popup = `${browser.origin}/popup.html`;
  const before = (await browser.pages()).filter(({ url }) => url === popup).length;
  await browser.evaluateInWorker(() => globalThis.clicked(Object.keys(globalThis.shown)[0]));
  await until('the profiles are open', async () => {
    const open = (await browser.pages()).filter(({ url }) => url === popup);
    return open.length === before + 1;
  });
  await until('it is gone', async () => Object.keys(await shown()).length === 0);
});
