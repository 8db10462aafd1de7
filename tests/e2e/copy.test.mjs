// The token in the formats of the tools where it is used.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { stage } from './lib/stage.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

let id;
let token;

before(async () => {
  const { tokenkeep, sandbox } = on;
  await sandbox.session(sandbox.ready.member.username);
  id = await tokenkeep.addSandboxProfile('live_https', { name: "Ada's \"app\" $HOME" });
  await (await tokenkeep.authorize(id)).complete();
  token = await tokenkeep.storedToken(id);
  await tokenkeep.expand(id);
});

/** Copies as this format and returns what is on the clipboard. */
async function copyAs(format) {
  const { tokenkeep, browser } = on;
  const card = tokenkeep.card(id);
  await tokenkeep.page.select(`${card} .copy-format`, format);
  await copied(`${card} .copy-as`);
  return browser.readClipboard();
}

async function copied(button) {
  const { tokenkeep } = on;
  await tokenkeep.click(button);
  await until('it is copied', async () => (await tokenkeep.text(button)) === 'Copied');
  await until('the button is itself again', async () => (await tokenkeep.text(button)) !== 'Copied');
}

async function chosen() {
  return (await on.tokenkeep.local(`profile:${id}`))[`profile:${id}`].copy_as;
}

describe('a token is copied', () => {
  test('in every format that is offered, and each holds the token', async () => {
    const { tokenkeep } = on;
    const formats = await tokenkeep.page.$$eval(`${tokenkeep.card(id)} .copy-format option`, (options) =>
      options.map(({ value }) => value),
    );
    assert.equal(formats.length, 15);
    const encoded = Buffer.from(token).toString('base64');
    for (const format of formats) {
      const text = await copyAs(format);
      assert.ok(text.includes(token) || text.includes(encoded), `${format}: ${text.replaceAll(token, '[token]')}`);
    }
  });

  test('and the last choice is what Copy does, also in a new page', async () => {
    const { tokenkeep, browser } = on;
    const main = `${tokenkeep.card(id)} .profile-main`;
    assert.equal(await copyAs('dotenv'), `LINKEDIN_ACCESS_TOKEN=${token}`);
    await until('it is remembered', async () => (await chosen()) === 'dotenv');
    await until('the button says so', async () => (await tokenkeep.text(main)) === 'Copy .env line');
    await tokenkeep.reload();
    await tokenkeep.expand(id);
    assert.equal(await tokenkeep.page.$eval(`${tokenkeep.card(id)} .copy-format`, (select) => select.value), 'dotenv');
    await copied(main);
    assert.equal(await browser.readClipboard(), `LINKEDIN_ACCESS_TOKEN=${token}`);
    await copied(`${tokenkeep.card(id)} .copy-token`);
    assert.equal(await browser.readClipboard(), token);
    await until('the button copies the token again', async () => (await tokenkeep.text(main)) === 'Copy token');
  });

  test('a choice survives an edit, and one that nobody knows is the token', async () => {
    const { tokenkeep } = on;
    await copyAs('postman');
    await until('it is remembered', async () => (await chosen()) === 'postman');
    await tokenkeep.click(`${tokenkeep.card(id)} .profile-edit`);
    await tokenkeep.shown('view-setup');
    await tokenkeep.click('#setup_save');
    await tokenkeep.shown('view-home');
    assert.equal(await chosen(), 'postman');
    await tokenkeep.page.evaluate(
      (profile) => chrome.runtime.sendMessage({ ChooseFormat: { profile, format: 'of_another_version' } }),
      id,
    );
    const main = `${tokenkeep.card(id)} .profile-main`;
    await until('the button copies the token', async () => (await tokenkeep.text(main)) === 'Copy token');
  });
});
