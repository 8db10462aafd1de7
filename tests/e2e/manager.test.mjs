// The manager: a page in a tab for all profiles and the settings.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { giveToken } from './lib/holder.mjs';
import { axeViolations } from './lib/look.mjs';
import { Manager } from './lib/manager.mjs';
import { BROWSER, stage, startFresh } from './lib/stage.mjs';
import { closeOthers, stopOver, typeInto } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
let manager;

beforeEach(async () => {
  await startFresh(on);
  manager = await Manager.open(on.browser);
});

/** Saves profiles of these names through the worker, as the form does; returns their ids. */
async function profiles(...names) {
  const ids = [];
  for (const name of names) ids.push(await manager.sendProfile({ name }));
  await manager.go('profiles', 'view-profiles');
  await manager.listed(...names);
  // Its form of the first run waits for a person.
  await on.tokenkeep.reload();
  return ids;
}

async function withToken(id, members) {
  await giveToken(manager, id, members);
  await until('the token shows', () => manager.visible(`${manager.row(id)}[data-state="token"]`));
}

function undoShown(shown) {
  return until(`Undo is ${shown ? 'offered' : 'gone'}`, async () => (await manager.visible('#undo')) === shown);
}

describe('profiles', () => {
  test('the first one, from an empty list, with label, sign and colour', async () => {
    const { app, redirect_hosts: hosts } = on.sandbox.ready;
    await manager.fillSetup({ client_id: app.client_id, client_secret: app.client_secret, redirect_uri: hosts.live_https, name: 'Billing' });
    await typeInto(manager.page, '#label', 'production');
    await typeInto(manager.page, '#icon', 'BI');
    await manager.click('[name=color][value=teal]');
    assert.equal(await manager.text('#sign'), 'BI');
    await manager.save();
    await manager.listed('Billing');
    const [{ id }] = await manager.index();
    const { profile } = await manager.records(id);
    assert.deepEqual(profile.look, { label: 'production', icon: 'BI', color: 'teal' });
    assert.equal(await manager.text(`${manager.row(id)} .tag`), 'production');
    assert.equal(await manager.text(`${manager.row(id)} .sign`), 'BI');
    // The popup shows the label as well.
    await on.tokenkeep.reload();
    await until('the card has its tag', async () => (await on.tokenkeep.text(`${on.tokenkeep.card(id)} .tag`)) === 'production');
  });

  test('an edit keeps secret and token, and its address leads back to it', async () => {
    const [id] = await profiles('Billing');
    await withToken(id);
    const before = await manager.records(id);
    await manager.edit(id);
    assert.equal(await manager.page.evaluate(() => location.hash), `#profile=${id}`);
    const other = await Manager.open(on.browser, `#profile=${id}`);
    assert.equal(await other.view(), 'view-setup');
    assert.equal(await other.value('#profile_name'), 'Billing');
    await other.page.close();
    await manager.fillSetup({ name: 'Renamed' });
    await manager.save();
    await manager.listed('Renamed');
    const after = await manager.records(id);
    assert.deepEqual([after.secret, after.token], [before.secret, before.token]);
  });

  test('wrong input is explained and nothing is saved', async () => {
    const [id] = await profiles('Billing');
    await manager.edit(id);
    await typeInto(manager.page, '#icon', 'ABC');
    await manager.click('#setup_save');
    assert.match(await manager.text('#icon_error'), /one or two letters/);
    await typeInto(manager.page, '#icon', '🚀');
    await manager.save();
    assert.equal((await manager.records(id)).profile.look.icon, '🚀');
    // A label that did not come from the form is checked as well.
    const { profile } = await manager.records(id);
    const draft = { ...profile, client_secret: '', scope: 'openid', look: { label: 'x'.repeat(41) } };
    const reply = await manager.send({ SaveProfile: { id, draft, authorize: false } });
    assert.deepEqual(reply.Invalid.errors, [['label', 'too_long']]);
  });

  test('another client ID asks for the secret again', async () => {
    const [id] = await profiles('Billing');
    await manager.edit(id);
    await manager.fillSetup({ client_id: '77another000000' });
    await manager.click('#setup_save');
    assert.ok(await manager.visible('#client_secret_error'));
    assert.equal(await manager.view(), 'view-setup');
  });

  test('a copy has the secret and no token, and stands behind its original', async () => {
    const [first, second] = await profiles('One', 'Two');
    await withToken(first);
    await manager.click(`${manager.row(first)} .row-copy`);
    await manager.listed('One', 'One copy', 'Two');
    const [, { id: copy }] = await manager.index();
    assert.ok(![first, second].includes(copy));
    const [original, copied] = [await manager.records(first), await manager.records(copy)];
    assert.deepEqual(copied.secret, original.secret);
    assert.equal(copied.token, undefined);
    assert.equal(copied.profile.id, copy);
    await until('the copy has the focus', async () => (await manager.focused()).profile === copy);
    await (await on.tokenkeep.authorize(copy)).complete();
  });

  test('a copy of one that is gone is refused', async () => {
    await profiles('One');
    assert.match((await manager.send({ DuplicateProfile: { profile: 'nobody' } })).Failed.message, /no longer there/);
    await manager.listed('One');
  });
});

describe('order', () => {
  test('by the keyboard, and the focus goes along', async () => {
    const [one] = await profiles('One', 'Two', 'Three');
    const press = async () => manager.page.keyboard.press('Enter');
    await manager.front();
    await manager.page.focus(`${manager.row(one)} .row-down`);
    await press();
    await manager.listed('Two', 'One', 'Three');
    await until('the focus is on it', async () => (await manager.focused()).profile === one);
    await press();
    await manager.listed('Two', 'Three', 'One');
    // At the end only the other way is left.
    await until('the other button has the focus', async () => {
      const focused = await manager.focused();
      return focused.profile === one && focused.class === 'row-up';
    });
    await press();
    await manager.listed('Two', 'One', 'Three');
    assert.match(await manager.text('#announce'), /One is now number 2/);
    assert.deepEqual((await manager.index()).map(({ name }) => name), ['Two', 'One', 'Three']);
  });

  test('by the mouse', async () => {
    const [one, , three] = await profiles('One', 'Two', 'Three');
    await drag(one, three, 0.9);
    await manager.listed('Two', 'Three', 'One');
    await drag(three, three, 0.9);
    await manager.listed('Two', 'Three', 'One');
    const [two] = (await manager.index()).map(({ id }) => id);
    await drag(one, two, 0.1);
    await manager.listed('One', 'Two', 'Three');
  });

  test('Escape leaves a dragged row where it was', async () => {
    const [one, , three] = await profiles('One', 'Two', 'Three');
    await drag(one, three, 0.9, () => manager.page.keyboard.press('Escape'));
    const again = await Manager.open(on.browser);
    await again.listed('One', 'Two', 'Three');
  });

  /** Drags a row by its handle to a part of another one's height. */
  async function drag(from, to, part, beforeDrop = () => {}) {
    const { page } = manager;
    await manager.front();
    const box = (selector) =>
      page.$eval(selector, (element) => {
        const { x, y, width, height } = element.getBoundingClientRect();
        return { x, y, width, height };
      });
    const grip = await box(`${manager.row(from)} .row-grip`);
    const over = await box(manager.row(to));
    await page.mouse.move(grip.x + grip.width / 2, grip.y + grip.height / 2);
    await page.mouse.down();
    await page.mouse.move(grip.x + 20, over.y + over.height / 2, { steps: 4 });
    await page.mouse.move(grip.x + 20, over.y + over.height * part, { steps: 2 });
    await beforeDrop();
    await page.mouse.up();
  }
});

describe('deletion', () => {
  test('Undo brings back profile, secret, token and place', async () => {
    const [, two] = await profiles('One', 'Two', 'Three');
    await withToken(two);
    const before = await manager.records(two);
    await manager.click(`${manager.row(two)} .row-delete`);
    await manager.listed('One', 'Three');
    await undoShown(true);
    assert.match(await manager.text('#toast_text'), /Two is deleted/);
    assert.ok((await manager.alarms()).some(({ name }) => name === 'trash'));
    assert.equal((await manager.focused()).id, 'undo');
    await manager.page.keyboard.press('Enter');
    await manager.listed('One', 'Two', 'Three');
    await undoShown(false);
    assert.deepEqual(await manager.records(two), before);
    await until('the trash is empty', async () => (await manager.local('trash')).trash === undefined);
    assert.match((await manager.send({ UndoDelete: { profile: two } })).Failed.message, /no longer there/);
  });

  test('Undo works after the worker was stopped', async () => {
    const [one] = await profiles('One', 'Two');
    await withToken(one);
    const before = await manager.records(one);
    await manager.click(`${manager.row(one)} .row-delete`);
    await undoShown(true);
    await on.browser.killWorker();
    await manager.click('#undo');
    await manager.listed('One', 'Two');
    assert.deepEqual(await manager.records(one), before);
  });

  test('a deleted profile can be used by nobody, and the next deletion removes it', async () => {
    const [one, two] = await profiles('One', 'Two');
    await withToken(one);
    const stored = await manager.local(`profile:${one}`);
    await manager.click(`${manager.row(one)} .row-delete`);
    await undoShown(true);
    const draft = { ...stored[`profile:${one}`], client_secret: '', scope: 'openid', look: {} };
    for (const asked of [
      { SaveProfile: { id: one, draft, authorize: false } },
      { DuplicateProfile: { profile: one } },
      { Authorize: { profile: one } },
      { Renew: { profile: one } },
      // The second deletion of one profile leaves the first as it is.
      { DeleteProfile: { profile: one } },
    ]) {
      assert.match((await manager.send(asked)).Failed?.message ?? '', /no longer there/, JSON.stringify(asked));
    }
    assert.ok((await manager.records(one)).token, 'it can still come back');
    await manager.click(`${manager.row(two)} .row-delete`);
    await manager.shown('view-setup');
    assert.ok(Object.values(await manager.records(one)).every((record) => record === undefined), 'the next deletion removes it');
    assert.match((await manager.send({ UndoDelete: { profile: one } })).Failed.message, /no longer there/);
  });

  test('two deletions at once leave one profile to come back, and nothing of the other', async () => {
    const ids = await profiles('One', 'Two');
    await on.browser.killWorker();
    await manager.sendAll(ids.map((profile) => ({ DeleteProfile: { profile } })));
    assert.deepEqual(await manager.index(), []);
    const stored = Object.keys(await manager.local());
    const left = ids.filter((id) => stored.some((key) => key.endsWith(id)));
    assert.deepEqual(left, [(await manager.local('trash')).trash.entry.id]);
  });

  test('the alarm makes it final', async () => {
    const [one] = await profiles('One', 'Two');
    const { secret } = await manager.records(one);
    await manager.click(`${manager.row(one)} .row-delete`);
    await undoShown(true);
    assert.ok(JSON.stringify(await manager.local()).includes(one));
    await manager.page.evaluate(() => chrome.alarms.create('trash', { when: Date.now() }));
    await until('nothing of it is stored', async () => {
      const stored = JSON.stringify(await manager.local());
      return !stored.includes(one);
    }, { timeout: 40_000 });
    assert.ok(secret.client_secret);
    await manager.click('#undo');
    await until('it says so', async () => /gone for good/.test(await manager.text('#failed_text')));
    await manager.listed('Two');
  });

  test('a token that comes while the alarm makes it final is not stored behind it', async () => {
    const [one, two] = await profiles('One', 'Two');
    await on.sandbox.fault('token', { kind: 'delay', ms: 4000 });
    const flow = await on.tokenkeep.authorize(one);
    await flow.signIn();
    await flow.consent();
    await until('it is posted', async () => (await on.sandbox.tokenRequests()).length === 1);
    const answered = Date.now() + 4500;
    assert.equal((await manager.send({ DeleteProfile: { profile: one } })).Failed, undefined);
    // From now on the worker is busy with another profile, until it is let go.
    await on.browser.evaluateInWorker((scope) => {
      const held = new Promise((resolve) => {
        scope.letGo = resolve;
      });
      for (const { session } of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage))) {
        const { set } = session;
        session.set = async (items) => {
          scope.busy = true;
          await held;
          return set.call(session, items);
        };
      }
    });
    await manager.page.evaluate((command) => void chrome.runtime.sendMessage(command), { Authorize: { profile: two } });
    await until('it is busy', () => on.browser.evaluateInWorker((scope) => scope.busy === true));
    await until('the token has come', () => Date.now() > answered);
    await manager.page.evaluate(() => chrome.alarms.create('trash', { when: Date.now() }));
    await until('the alarm has rung', async () =>
      (await manager.alarms()).every(({ name, scheduledTime }) => name !== 'trash' || scheduledTime > Date.now() + 1000),
    );
    // Long enough for its records to go.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await on.browser.evaluateInWorker((scope) => scope.letGo());
    await until('its flow has ended', async () =>
      Object.values((await manager.engine()).flows).every(({ snapshot }) => snapshot.profile.id !== one),
    );
    await until('the trash is empty', async () => (await manager.local('trash')).trash === undefined);
    assert.deepEqual(Object.keys(await manager.local()).filter((key) => key.includes(one)), []);
  });

  test('what is found out about a token while the alarm makes it final is not stored behind it', async () => {
    const [one] = await profiles('One');
    await withToken(one);
    // The answer is there, and the worker looks once more whether the token is; then it waits until it is let go.
    await on.browser.evaluateInWorker((scope) => {
      const held = new Promise((resolve) => {
        scope.letGo = resolve;
      });
      scope.looks = 0;
      for (const { local } of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage))) {
        const { get } = local;
        local.get = async (keys) => {
          const found = await get.call(local, keys);
          if (String(keys).startsWith('token:') && !String(keys).includes(',')) {
            scope.looks += 1;
            await held;
          }
          return found;
        };
      }
    });
    await manager.page.evaluate((command) => void chrome.runtime.sendMessage(command), { TestToken: { profile: one } });
    await until('it looks once more', () => on.browser.evaluateInWorker((scope) => scope.looks > 0));
    // It is deleted and gone for good before that, or both wait.
    await manager.page.evaluate((command) => void chrome.runtime.sendMessage(command), { DeleteProfile: { profile: one } });
    const makeFinal = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await manager.page.evaluate(() => chrome.alarms.create('trash', { when: Date.now() }));
      await new Promise((resolve) => setTimeout(resolve, 1000));
    };
    await makeFinal();
    await on.browser.evaluateInWorker((scope) => scope.letGo());
    await until('it is deleted', async () => (await manager.index()).length === 0);
    await makeFinal();
    await until('the trash is empty', async () => (await manager.local('trash')).trash === undefined);
    assert.deepEqual(Object.keys(await manager.local()).filter((key) => key.includes(one)), []);
    assert.deepEqual((await manager.alarms()).filter(({ name }) => name.includes(one)), []);
  });

  test('a flow under way ends, and its tab closes', async () => {
    const [one] = await profiles('One', 'Two');
    const flow = await on.tokenkeep.authorize(one);
    await flow.signIn();
    await manager.click(`${manager.row(one)} .row-delete`);
    await undoShown(true);
    await until('no flow is left', async () => Object.keys((await manager.engine()).flows).length === 0);
    await until("LinkedIn's tab is closed", () => flow.page.isClosed() || on.browser.pages().then((all) => !all.some(({ page }) => page === flow.page)));
    assert.equal((await on.sandbox.counters()).token_posts, 0);
    assert.match((await manager.send({ Authorize: { profile: one } })).Failed.message, /no longer there/);
  });

  test('the last one leads to the first run, and Undo back', async () => {
    const [one] = await profiles('One');
    await manager.click(`${manager.row(one)} .row-delete`);
    await manager.shown('view-setup');
    assert.equal(await manager.value('#client_id'), '');
    assert.equal(await manager.visible('#setup_cancel'), false);
    await on.tokenkeep.shown('view-setup');
    await manager.click('#undo');
    await manager.shown('view-profiles');
    await manager.listed('One');
  });
});

describe('search', () => {
  test('by name, label, client ID, scope and redirect host', async () => {
    const [one, two] = await profiles('One', 'Zwei', 'Three');
    const change = async (id, more) => {
      const { profile } = await manager.records(id);
      const draft = { ...profile, client_secret: '', scope: 'openid', ...more };
      const reply = await manager.send({ SaveProfile: { id, draft, authorize: false } });
      assert.ok(reply.Saved, JSON.stringify(reply));
    };
    await change(one, { look: { label: 'Production' } });
    await change(two, { scope: 'openid w_member_social', redirect_uri: 'http://localhost:9/cb' });
    for (const [text, found] of [
      ['zWEI', ['Zwei']],
      ['product', ['One']],
      ['w_member', ['Zwei']],
      ['localhost', ['Zwei']],
      [on.sandbox.ready.app.client_id, ['One', 'Zwei', 'Three']],
      ['openid three', ['Three']],
      ['nobody', []],
    ]) {
      await typeInto(manager.page, '#search', text);
      await manager.listed(...found);
    }
    assert.ok(await manager.visible('#rows_none'));
    assert.equal(await manager.text('#profiles_count'), '0 of 3');
  });

  test('with 1,000 profiles a key draws fifty rows at most', async (context) => {
    const [id] = await profiles('Profile 0');
    await withToken(id);
    const stored = await manager.local();
    const records = { index: stored.index };
    for (let number = 1; number < 1000; number += 1) {
      const copy = `${id.slice(0, -4)}${String(number).padStart(4, '0')}`;
      const name = `Profile ${number}`;
      stored.index.entries.push({ id: copy, name });
      records[`profile:${copy}`] = { ...stored[`profile:${id}`], id: copy, name };
      records[`secret:${copy}`] = stored[`secret:${id}`];
      records[`token:${copy}`] = stored[`token:${id}`];
    }
    await manager.put(records);
    const big = await Manager.open(on.browser);
    await until('all are counted', async () => (await big.text('#profiles_count')) === '1000');
    assert.equal((await big.names()).length, 50);
    await big.front();
    const keys = await big.page.evaluate(async () => {
      const field = document.querySelector('#search');
      const keys = [];
      for (const text of ['9', '99', '999', '', 'p', 'profile 5', 'nobody', '']) {
        field.value = text;
        const before = performance.now();
        field.dispatchEvent(new Event('input', { bubbles: true }));
        document.body.getBoundingClientRect();
        const wait = Math.round(performance.now() - before);
        keys.push({ wait, rows: document.querySelectorAll('#rows > *').length });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return keys;
    });
    context.diagnostic(`ms from key to layout: ${keys.map(({ wait }) => wait).join(' ')}`);
    assert.deepEqual(keys.map(({ rows }) => rows), [50, 19, 1, 50, 50, 50, 0, 50]);
    await typeInto(big.page, '#search', '999');
    await big.listed('Profile 999');
    await typeInto(big.page, '#search', ' ');
    await until('the list is whole', async () => (await big.names()).length === 50);
    await big.click('#rows_more');
    await until('more of it shows', async () => (await big.names()).length === 250);
    await big.page.close();
  });
});

describe('scopes', () => {
  test('are chosen by product', async () => {
    const [id] = await profiles('One');
    await manager.edit(id);
    const products = await manager.page.$$eval('.product-name', (names) => names.map((name) => name.textContent));
    assert.ok(products.length >= 14, products.join(', '));
    assert.equal(await manager.text('.product .product-access'), 'Self-serve');
    assert.equal(await manager.text('.product .product-count'), '3 chosen');
    await typeInto(manager.page, '#scope_search', 'rw_conv');
    await manager.click('.pick-box[data-scope="rw_conversions"]');
    assert.equal(await manager.value('#scope'), 'openid profile email rw_conversions');
    assert.equal(await manager.page.$$eval('.pick', (all) => all.filter((pick) => pick.checkVisibility()).length), 1);
    await manager.click('.pick-box[data-scope="rw_conversions"]');
    await typeInto(manager.page, '#scope', 'openid own_scope');
    assert.equal(await manager.text('.product .product-count'), '1 chosen');
    await manager.save();
    assert.deepEqual((await manager.records(id)).profile.scopes, ['openid', 'own_scope']);
  });

  test('a legacy one gives way to its successors by a button, a closed one is marked', async () => {
    const [id] = await profiles('One');
    await manager.edit(id);
    await typeInto(manager.page, '#scope', 'r_liteprofile r_member_social r_emailaddress');
    const notes = await manager.page.$$eval('.scope-note-text', (texts) => texts.map((text) => text.textContent));
    assert.deepEqual(notes.map((note) => note.split(':')[0]), ['r_liteprofile is legacy', 'r_member_social is closed', 'r_emailaddress is legacy']);
    await manager.click('.scope-note .scope-successor');
    assert.equal(await manager.value('#scope'), 'openid profile r_member_social r_emailaddress');
    await typeInto(manager.page, '#scope_search', 'r_emailaddress');
    assert.equal(await manager.text('.pick:not([hidden]) .scope-successor'), 'Use openid email');
    await manager.click('.pick:not([hidden]) .scope-successor');
    assert.equal(await manager.value('#scope'), 'openid profile r_member_social email');
    assert.equal(await manager.page.$$eval('.scope-note', (all) => all.length), 1);
  });

  test('another set is confirmed while a token lives, and the same set is not asked about', async () => {
    const [id] = await profiles('One');
    await withToken(id);
    const scopes = async () => (await manager.records(id)).profile.scopes.join(' ');
    await manager.edit(id);
    await typeInto(manager.page, '#scope', 'email openid profile');
    await manager.save();
    assert.equal(await scopes(), 'email openid profile');

    await manager.edit(id);
    await typeInto(manager.page, '#scope', 'openid');
    await manager.click('#setup_save');
    await until('it asks', () => manager.visible('#scope_warning'));
    assert.match(await manager.text('#scope_warning_text'), /revokes/);
    await manager.click('#scope_warning_cancel');
    assert.equal(await manager.visible('#scope_warning'), false);
    assert.equal(await scopes(), 'email openid profile', 'nothing was saved');
    await manager.page.keyboard.press('Escape');
    await manager.click('#setup_submit');
    await until('it asks again', () => manager.visible('#scope_warning'));
    const flow = await on.tokenkeep.flowBy(id, () => manager.click('#scope_warning_confirm'));
    await until('it is saved', async () => (await scopes()) === 'openid');
    assert.ok(flow.id, 'and authorized, as the first button said');
  });

  test('another set is confirmed where another profile of the app has the token', async () => {
    const [id] = await profiles('One');
    await withToken(id);
    await manager.click(`${manager.row(id)} .row-copy`);
    await manager.listed('One', 'One copy');
    const [, { id: copy }] = await manager.index();
    await manager.edit(copy);
    await typeInto(manager.page, '#profile_name', 'Two');
    await manager.save();
    await manager.edit(copy);
    await typeInto(manager.page, '#scope', 'openid');
    await manager.click('#setup_save');
    await until('it asks', () => manager.visible('#scope_warning'));
    await manager.click('#scope_warning_confirm');
    await until('it is saved', async () => (await manager.records(copy)).profile.scopes.join() === 'openid');
  });

  test('are not asked about once the token is dead', async () => {
    const [id] = await profiles('One');
    await withToken(id);
    await manager.change(`token:${id}`, { expires_ms: Date.now() - 1 });
    await until('it is over', () => manager.visible(`${manager.row(id)}[data-state="expired"]`));
    await manager.edit(id);
    await typeInto(manager.page, '#scope', 'openid');
    await manager.save();
  });
});

describe('settings', () => {
  const settings = async () => (await manager.local('settings')).settings;

  test('the days of the reminders', async () => {
    await manager.go('settings', 'view-settings');
    assert.equal(await manager.value('#remind_days'), '14, 3, 1');
    assert.equal(await settings(), undefined, 'nothing is stored unasked');
    for (const [text, complaint] of [
      ['', /at least one/],
      ['0', /from 1 to 60/],
      ['61', /from 1 to 60/],
      ['1.5', /whole numbers/],
      ['six', /whole numbers/],
      ['1 2 3 4 5 6', /at most five/],
    ]) {
      await typeInto(manager.page, '#remind_days', text || ' ');
      await manager.click('#settings_save');
      assert.match(await manager.text('#remind_days_error'), complaint, text);
    }
    assert.equal(await settings(), undefined);
    await typeInto(manager.page, '#remind_days', '1 7;30');
    await manager.page.keyboard.press('Enter');
    await until('they are stored', async () => (await settings())?.remind_days.join() === '30,7,1');
    await until('they are in order', async () => (await manager.value('#remind_days')) === '30, 7, 1');
    const wrong = await manager.send({ SaveSettings: { settings: { remind_days: [0], notify: true } } });
    assert.deepEqual(wrong.Invalid.errors, [['remind_days', 'out_of_range']]);
    const untouched = { notify: false, template: null, lock_after_min: null, lock_with_screen: false, clear_after_s: null };
    assert.deepEqual(await settings(), { remind_days: [30, 7, 1], ...untouched });
  });

  test('are saved though two workers are stopped over it', async () => {
    await manager.go('settings', 'view-settings');
    const stopped = await stopOver(manager.page, 'SaveSettings');
    await typeInto(manager.page, '#remind_days', '5');
    await manager.click('#settings_save');
    await until('they are stored', async () => (await settings())?.remind_days.join() === '5');
    assert.equal(await stopped(), 2);
    assert.equal(await manager.visible('#view-settings'), true);
  });

  test('Notify me asks the browser in the click', async () => {
    await manager.go('settings', 'view-settings');
    if (BROWSER === 'chromium') await answerPermissions(false);
    if (BROWSER === 'chromium') {
      // Its question can't be answered without a person; what it would say is put in its place.
      await manager.click('#notify');
      await until('the refusal shows', () => manager.visible('#notify_refused'));
      assert.equal(await manager.page.$eval('#notify', (box) => box.checked), false);
      assert.equal(await settings(), undefined);
      assert.deepEqual(await manager.page.evaluate(() => globalThis.asked), [{ permissions: ['notifications'] }]);
      await answerPermissions(true);
    }
    await manager.click('#notify');
    await until('it is stored', async () => (await settings())?.notify === true);
    assert.equal(await manager.visible('#notify_refused'), false);
    if (BROWSER === 'firefox') {
      const { permissions } = await manager.page.evaluate(() => chrome.permissions.getAll());
      assert.ok(permissions.includes('notifications'));
    }
    await manager.page.focus('#notify');
    await manager.page.keyboard.press(' ');
    await until('it is off', async () => (await settings()).notify === false);
    assert.deepEqual((await settings()).remind_days, [14, 3, 1]);
  });

  function answerPermissions(granted) {
    return manager.page.evaluate((answer) => {
      globalThis.asked = [];
      chrome.permissions.request = async (wanted) => {
        globalThis.asked.push(wanted);
        return answer;
      };
      chrome.permissions.contains = async () => answer;
    }, granted);
  }
});

describe('the page', () => {
  test('Manage in the popup opens it, once', async () => {
    await profiles('One');
    const managers = async () => (await on.browser.tabs()).filter(({ url }) => (url ?? '').includes('manager.html')).length;
    await closeOthers(on.browser, on.tokenkeep.page);
    await on.tokenkeep.shown('view-home');
    await on.tokenkeep.click('#manage');
    await until('it is open', async () => (await managers()) === 1);
    await on.tokenkeep.click('#manage');
    await on.tokenkeep.front();
    assert.equal(await managers(), 1);
  });

  test('everything is done by the keyboard', async () => {
    await profiles('One', 'Two');
    const { page } = manager;
    await manager.front();
    const tabTo = async (what, wanted) => {
      for (let presses = 0; presses < 60; presses += 1) {
        await page.keyboard.press('Tab');
        if (await page.evaluate((css) => document.activeElement.matches(css), wanted)) return;
      }
      assert.fail(`Tab never comes to ${what}`);
    };
    await page.keyboard.press('/');
    assert.equal((await manager.focused()).id, 'search');
    await page.keyboard.type('two');
    await manager.listed('Two');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Backspace');
    await page.keyboard.press('Backspace');
    await manager.listed('One', 'Two');
    await tabTo('the name', '.row-name');
    await page.keyboard.press('Enter');
    await manager.shown('view-setup');
    await tabTo('the name of the profile', '#profile_name');
    await page.keyboard.down('Control');
    await page.keyboard.press('a');
    await page.keyboard.up('Control');
    await page.keyboard.type('Eins');
    await tabTo('Save', '#setup_save');
    await page.keyboard.press('Enter');
    await manager.shown('view-profiles');
    await manager.listed('Eins', 'Two');
    await tabTo('Delete', '.row-delete');
    await page.keyboard.press('Enter');
    await manager.listed('Two');
    await until('Undo has the focus', async () => (await manager.focused()).id === 'undo');
    await page.keyboard.press('Enter');
    await manager.listed('Eins', 'Two');
    await until('the row has the focus', async () => (await manager.focused()).class === 'row-name');
  });

  test('a slash goes to the search where there is one, and is a character elsewhere', async () => {
    await profiles('One');
    const prevented = () =>
      manager.page.evaluate(() => {
        const event = new KeyboardEvent('keydown', { key: '/', bubbles: true, cancelable: true });
        return !document.body.dispatchEvent(event);
      });
    assert.equal(await prevented(), true);
    assert.equal((await manager.focused()).id, 'search');
    await manager.go('settings', 'view-settings');
    assert.equal(await prevented(), false);
    assert.notEqual((await manager.focused()).id, 'search');
  });

  test('an address that names nothing shows the list', async () => {
    await profiles('One');
    for (const hash of ['#profile=nobody', '#<img src=x>', '#profile=', '#']) {
      const other = await Manager.open(on.browser, encodeURI(hash));
      await other.shown('view-profiles');
      await other.listed('One');
      await other.page.close();
    }
  });

  test('what is drawn between a click on a link and its arrival does not lead back', async () => {
    const [one] = await profiles('One');
    await manager.page.evaluate((id) => {
      // The address changes at once, the event comes later; a button of the old section draws it again in between.
      location.hash = `profile=${id}`;
      document.getElementById('setup_cancel').click();
    }, one);
    await manager.shown('view-setup');
    assert.equal(await manager.value('#profile_name'), 'One');
  });

  test('breaks no rule of axe-core, light and dark', async () => {
    const accessible = async (what) => {
      await manager.front();
      for (const scheme of ['light', 'dark']) {
        await on.browser.setColorScheme(manager.page, scheme);
        assert.deepEqual(await axeViolations(manager.page), [], `${what}, ${scheme}`);
      }
    };
    await accessible('the first run');
    const ids = await profiles('One', 'Two', 'Three');
    for (const [number, color] of ['slate', 'red', 'orange', 'yellow', 'green', 'teal', 'blue', 'violet'].entries()) {
      const id = ids[number] ?? (await manager.send({ DuplicateProfile: { profile: ids[0] } })).Saved.profile;
      const { profile } = await manager.records(id);
      const draft = { ...profile, client_secret: '', scope: 'openid', look: { color, label: color } };
      await manager.send({ SaveProfile: { id, draft, authorize: false } });
    }
    await until('all rows show', async () => (await manager.names()).length === 8);
    await withToken(ids[0]);
    await accessible('the list');
    await manager.click(`${manager.row(ids[1])} .row-delete`);
    await undoShown(true);
    await accessible('the list with Undo');
    await typeInto(manager.page, '#search', 'nobody');
    await accessible('a search without result');
    await manager.go(`profile=${ids[0]}`, 'view-setup');
    await typeInto(manager.page, '#scope_search', 'e');
    await typeInto(manager.page, '#scope', 'r_liteprofile r_member_social');
    await accessible('the form');
    await manager.click('#setup_save');
    await until('it asks', () => manager.visible('#scope_warning'));
    await accessible('the warning');
    await manager.click('#scope_warning_cancel');
    await manager.go('settings', 'view-settings');
    await typeInto(manager.page, '#remind_days', 'x');
    await manager.click('#settings_save');
    await accessible('the settings');
  });
});
