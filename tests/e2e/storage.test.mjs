// What stands in storage: profiles written at once, edits, and records that are not as expected.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { stage } from './lib/stage.mjs';
import { Manager } from './lib/manager.mjs';
import { Tokenkeep, typeInto } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

beforeEach(() => on.tokenkeep.startOver());

test('profiles that two pages save at once are all kept', async () => {
  const { tokenkeep, browser } = on;
  const save = (page, from) =>
    page.sendAll(Array.from({ length: 10 }, (_, number) => page.newProfile({ name: `profile ${from + number}` })));
  const other = await Tokenkeep.open(browser);
  const replies = await Promise.all([save(tokenkeep, 0), save(other, 10)]);
  assert.ok(replies.flat().every((reply) => reply.Saved), JSON.stringify(replies));
  const names = (await tokenkeep.index()).map(({ name }) => name).sort();
  assert.deepEqual(names, Array.from({ length: 20 }, (_, number) => `profile ${number}`).sort());
});

test('a profile that another page has saved meanwhile is not written over without a word', async () => {
  const { tokenkeep, browser } = on;
  const id = await tokenkeep.sendProfile({ name: 'one' });
  await tokenkeep.profileShown(id);
  const other = await Tokenkeep.open(browser);
  for (const page of [tokenkeep, other]) {
    await page.edit(id);
    await page.unfold('#advanced');
  }
  await typeInto(tokenkeep.page, '#profile_name', 'two');
  await other.page.evaluate(() => {
    globalThis.heard = new Promise((resolve) => chrome.storage.onChanged.addListener((changes) => changes.index && resolve()));
  });
  await tokenkeep.save();
  // The page reads what it heard of before this does.
  await other.page.evaluate(() => globalThis.heard.then(() => chrome.storage.local.get(null)).then(() => chrome.storage.local.get(null)));
  await typeInto(other.page, '#profile_name', 'three');
  await other.click('#setup_save');
  await until('it is told', () => other.visible('#client_id_error'));
  assert.match(await other.text('#client_id_error'), /Another page has saved/);
  assert.equal(await other.value('#profile_name'), 'three', 'what was typed stays');
  assert.deepEqual((await tokenkeep.index()).map(({ name }) => name), ['two']);
  await other.save();
  assert.deepEqual((await tokenkeep.index()).map(({ name }) => name), ['three']);
});

test('the form of the first run gives way to a profile that came from elsewhere, unless somebody writes in it', async () => {
  const { tokenkeep, browser } = on;
  const writes = await Tokenkeep.open(browser);
  await typeInto(writes.page, '#client_id', '77half');
  const manager = await Manager.open(browser);
  await tokenkeep.profileShown(await manager.sendProfile());
  await tokenkeep.shown('view-home');
  assert.equal(await writes.view(), 'view-setup');
  assert.equal(await writes.value('#client_id'), '77half');
});

test('two clicks on Save are one profile, and a form that was refused can be sent again', async () => {
  const { tokenkeep, sandbox } = on;
  const { client_id, client_secret } = sandbox.ready.app;
  const twice = () =>
    tokenkeep.page.evaluate(() => {
      const button = document.querySelector('#setup_save');
      button.click();
      button.click();
    });
  await tokenkeep.fillSetup({ client_id, client_secret, redirect_uri: '/callback', scope: 'openid', name: 'once' });
  await twice();
  await until('what is wrong is said', () => tokenkeep.visible('#redirect_uri_error'));
  await tokenkeep.fillSetup({ redirect_uri: 'http://localhost:8585/callback' });
  await twice();
  await tokenkeep.saved();
  // What a second save would have made stands behind this one in the worker's queue.
  await tokenkeep.addProfile({ client_id, client_secret, redirect_uri: 'http://localhost:8585/callback', scope: 'openid', name: 'other' });
  assert.deepEqual((await tokenkeep.index()).map(({ name }) => name).sort(), ['once', 'other']);
});

test('what is stored while a page opens shows in it', async () => {
  const { tokenkeep, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const key = `profile:${id}`;
  for (const [Page, name] of [
    [Tokenkeep, '.profile-name'],
    [Manager, '.row-name'],
  ]) {
    // The page reads, is compiled, draws and only then listens: the change comes at every stage of that.
    for (let late = 0; late <= 400; late += 25) {
      const opening = Page.open(browser);
      await pause(late);
      const changed = `changed after ${late} ms`;
      await tokenkeep.change(key, { name: changed });
      const opened = await opening;
      await until(`${name} says that it ${changed}`, async () => (await opened.text(name)) === changed, {
        timeout: 5_000,
      });
      await opened.page.close();
    }
  }
});

test('an edit keeps the secret that is not entered again, and asks for it when the client changes', async () => {
  const { tokenkeep } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const secret = async () => (await tokenkeep.record(`secret:${id}`)).client_secret;
  const before = await secret();
  await tokenkeep.edit(id);
  await tokenkeep.fillSetup({ name: 'renamed' });
  await tokenkeep.click('#setup_save');
  await until('the new name is stored', async () => (await tokenkeep.index())[0].name === 'renamed');
  assert.equal(await secret(), before);

  await tokenkeep.shown('view-home');
  await tokenkeep.edit(id);
  await tokenkeep.fillSetup({ client_id: '78otherclient0' });
  await tokenkeep.click('#setup_save');
  await until('the secret is asked for', () => tokenkeep.visible('#client_secret_error'));
  assert.equal(await secret(), before);
});

test('a record that is no such record is named and left alone', async () => {
  const { tokenkeep, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  await tokenkeep.put({ [`profile:${id}`]: { id: 7 } });
  const damaged = new Tokenkeep(browser, await browser.openExtensionPage('popup.html'));
  await damaged.shown('view-error');
  assert.match(await damaged.text('#error-text'), new RegExp(`profile:${id}`));
  assert.deepEqual(await damaged.record(`profile:${id}`), { id: 7 });
});
