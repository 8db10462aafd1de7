// The token in the formats of the tools where it is used.

import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';

import { Holder } from './lib/holder.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

let id;
let token;

before(async () => {
  const { tokenkeep, sandbox } = on;
  await sandbox.session(sandbox.ready.member.username);
  ({ id } = await Holder.of(tokenkeep, { name: "Ada's \"app\" $HOME" }));
  token = await tokenkeep.storedToken(id);
});

/** Copies as this format and returns what is on the clipboard. */
async function copyAs(format) {
  const { tokenkeep } = on;
  const card = tokenkeep.card(id);
  await tokenkeep.page.select(`${card} .copy-format`, format);
  return copied(`${card} .copy-as`);
}

async function copied(button) {
  const { tokenkeep } = on;
  const text = await tokenkeep.copied(button);
  await until('the button is itself again', async () => (await tokenkeep.text(button)) !== 'Copied');
  return text;
}

async function chosen() {
  return (await on.tokenkeep.record(`profile:${id}`)).copy_as;
}

describe('a token is copied', () => {
  test('in every format that is offered, and each holds the token', async () => {
    const { tokenkeep } = on;
    const formats = await tokenkeep.page.$$eval(`${tokenkeep.card(id)} .copy-format option`, (options) =>
      options.map(({ value }) => value),
    );
    assert.equal(formats.pop(), 'template');
    assert.equal(formats.length, 15);
    const encoded = Buffer.from(token).toString('base64');
    for (const format of formats) {
      const text = await copyAs(format);
      assert.ok(text.includes(token) || text.includes(encoded), `${format}: ${text.replaceAll(token, '[token]')}`);
    }
  });

  test('and the last choice is what Copy does, also in a new page', async () => {
    const { tokenkeep } = on;
    const main = `${tokenkeep.card(id)} .profile-main`;
    assert.equal(await copyAs('dotenv'), `LINKEDIN_ACCESS_TOKEN=${token}`);
    await until('it is remembered', async () => (await chosen()) === 'dotenv');
    await until('the button says so', async () => (await tokenkeep.text(main)) === 'Copy .env line');
    await tokenkeep.reload();
    await tokenkeep.expand(id);
    assert.equal(await tokenkeep.value(`${tokenkeep.card(id)} .copy-format`), 'dotenv');
    assert.equal(await copied(main), `LINKEDIN_ACCESS_TOKEN=${token}`);
    assert.equal(await copied(`${tokenkeep.card(id)} .copy-token`), token);
    await until('the button copies the token again', async () => (await tokenkeep.text(main)) === 'Copy token');
  });

  test('a choice survives an edit, and one that nobody knows is the token', async () => {
    const { tokenkeep } = on;
    await copyAs('postman');
    await until('it is remembered', async () => (await chosen()) === 'postman');
    await tokenkeep.edit(id);
    await tokenkeep.save();
    assert.equal(await chosen(), 'postman');
    await tokenkeep.send({ ChooseFormat: { profile: id, format: 'of_another_version' } });
    const main = `${tokenkeep.card(id)} .profile-main`;
    await until('the button copies the token', async () => (await tokenkeep.text(main)) === 'Copy token');
  });

  test('with the end of its life by the server’s clock, where this one is wrong', async () => {
    const { tokenkeep, sandbox } = on;
    const date = new Date(Date.now() + 3 * 3_600_000);
    const body = JSON.stringify({ access_token: 'AQVskewed0123456789_-skewed0123456789', expires_in: 5_183_999 });
    await sandbox.fault('token', { kind: 'answer', status: 200, body, headers: { date: date.toUTCString() } });
    assert.equal(await (await tokenkeep.authorize(id)).outcome(), 'Token');
    await tokenkeep.front();
    await tokenkeep.expand(id);
    assert.match(await tokenkeep.text(`${tokenkeep.card(id)} .token-clock`), /180 minutes behind|179 minutes behind/);
    const { expires_at: ends } = JSON.parse(await copyAs('json'));
    const expected = date.getTime() + 5_183_999_000;
    assert.ok(Math.abs(Date.parse(ends) - expected) < 10_000, `${ends} and ${new Date(expected).toISOString()}`);
    assert.match(await tokenkeep.text(`${tokenkeep.card(id)} .token-left`), /59 days/, 'the countdown is not disturbed');
  });
});

describe('the own template', () => {
  /** Saves a template on the manager's page; returns what is wrong with it, if anything is. */
  async function save(manager, text) {
    await manager.$eval(
      '#template',
      (field, value) => {
        field.value = value;
      },
      text,
    );
    await manager.click('#template_save');
    return manager.$eval('#template_error', (error) => (error.hidden ? '' : error.textContent));
  }

  test('is asked for where there is none, refused where it is wrong, and then what Copy does', async () => {
    const { tokenkeep, browser } = on;
    const card = tokenkeep.card(id);
    await tokenkeep.front();
    await tokenkeep.page.select(`${card} .copy-format`, 'template');
    await tokenkeep.click(`${card} .copy-as`);
    const { page: manager } = await until('the settings open', async () =>
      (await browser.pages()).find(({ url }) => url.endsWith('manager.html#settings')),
    );
    await until('the fields are listed', async () =>
      (await manager.$eval('#template_fields', (fields) => fields.textContent)).includes('access_token'),
    );
    assert.match(await save(manager, '{{acces_token}}'), /acces_token/);
    assert.match(await save(manager, 'one\n{{access_token'), /line 2/);
    const template = '<t a="{{ profile }}">{{access_token}}</t> $HOME `x` {{{{';
    assert.equal(await save(manager, template), '');
    const stored = async () => (await tokenkeep.local('settings')).settings?.template;
    await until('it is stored', async () => (await stored()) === template);
    await tokenkeep.front();
    const filled = `<t a="Ada's "app" $HOME">${await tokenkeep.storedToken(id)}</t> $HOME \`x\` {{`;
    assert.equal(await copied(`${card} .copy-as`), filled);
    await until('it is remembered', async () => (await chosen()) === 'template');
    const main = `${card} .profile-main`;
    await until('the button says so', async () => (await tokenkeep.text(main)) === 'Copy Own template');
    assert.equal(await copied(main), filled);
  });
});
