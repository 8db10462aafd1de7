// Profiles from a pasted text or a file, and profiles as a file.

import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';

import { Manager } from './lib/manager.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const SECRET = 'WPL_AP1.0123456789abcdef.a+/b==';
let page;

beforeEach(async () => {
  await startOver();
});

/** The first run, with the manager's section open. */
async function startOver() {
  const { browser, tokenkeep } = on;
  await tokenkeep.startOver();
  page = await Manager.at(browser, 'transfer');
}

async function stored() {
  const all = await page.local();
  return all.index?.entries.map(({ id }) => ({ ...all[`profile:${id}`], secret: all[`secret:${id}`]?.client_secret })) ?? [];
}

test('a whole profile is recognized, shown without its secret, and added', async () => {
  await page.paste(
    `curl -X POST https://www.linkedin.com/oauth/v2/accessToken \\\n -d client_id=78abcdefghijkl --data-urlencode 'client_secret=${SECRET}' -d redirect_uri=https://app.tokenkeep.test/cb -d scope=openid -d code=x`,
  );
  assert.equal(await page.text('.found-name'), '78abcdefghijkl');
  assert.equal(await page.text('.found-secret'), 'found, not shown');
  assert.equal(await page.text('.found-unknown'), 'Not used: code');
  assert.ok(!(await page.text('#import_found')).includes(SECRET));
  assert.equal(await page.text('.found-add'), 'Add');
  await page.click('.found-add');
  await page.shown('view-profiles');
  const [profile] = await stored();
  assert.equal(profile.client_id, '78abcdefghijkl');
  assert.equal(profile.redirect_uri, 'https://app.tokenkeep.test/cb');
  assert.equal(profile.secret, SECRET);
  await page.go('transfer', 'view-transfer');
  assert.equal(await page.value('#import_text'), '', 'what was pasted is forgotten');
});

test('with something missing the form asks for it', async () => {
  await page.paste(
    'https://www.linkedin.com/oauth/v2/authorization?response_type=code&client_id=78abcdefghijkl&redirect_uri=https%3A%2F%2Fapp.tokenkeep.test%2Fcb&scope=openid%20profile&state=1',
  );
  assert.equal(await page.text('.found-add'), 'Complete and add');
  assert.equal(await page.text('.found-secret'), 'not found');
  await page.click('.found-add');
  await page.shown('view-setup');
  const fields = await page.page.evaluate(() =>
    ['client_id', 'client_secret', 'redirect_uri', 'scope'].map((id) => document.getElementById(id).value),
  );
  assert.deepEqual(fields, ['78abcdefghijkl', '', 'https://app.tokenkeep.test/cb', 'openid profile']);
  await page.fillSetup({ client_secret: SECRET });
  await page.save();
  assert.equal((await stored())[0].secret, SECRET);
  // The next new profile begins empty.
  await page.go('new', 'view-setup');
  assert.equal(await page.value('#client_id'), '');
});

test('what can not be imported says why, and nothing is stored', async () => {
  for (const [text, words] of [
    ['hello', /Nothing recognized/],
    ['{"client_id":\n x}', /line 2, column 2/],
    ['{"a":"b"}', /looks like JSON/],
    ['GITHUB_CLIENT_ID=x', /looks like a \.env file/],
    ['LINKEDIN_ACCESS_TOKEN=AQXdSP_W41_UPs5ioT_t8HESyODB4FqbkJ8LrV_5mff4gPODzOYR', /holds a token/],
    ['https://app.tokenkeep.test/cb?code=1&state=2', /callback/],
    ["curl -d 'client_id=1", /not closed/],
    ['{"tokenkeep":"profiles","version":2,"profiles":[]}', /newer Tokenkeep.*version 2/],
    ['{"tokenkeep":"profiles","version":1,"profiles":[{"client_id":7}]}', /profile 1, member “client_id”/],
    ['x'.repeat(1024 * 1024 + 1), /larger than 1 MiB/],
  ]) {
    await page.paste(text);
    assert.match(await page.text('#import_error'), words, text.slice(0, 60));
    assert.equal((await page.page.$$('.found')).length, 0);
  }
  await page.paste('');
  assert.equal(await page.visible('#import_error'), false);
  assert.deepEqual(await stored(), []);
});

test('markup in a text stays text', async () => {
  await page.paste(JSON.stringify({ name: '<img src=x onerror=alert(1)>', client_id: '<b>1</b>', '<i>': 'x' }));
  assert.equal(await page.text('.found-name'), '<img src=x onerror=alert(1)>');
  assert.equal((await page.page.$$('#import_found img, #import_found b, #import_found i')).length, 0);
});

test('what is exported is imported again, from a file, without its secret', async () => {
  const { tokenkeep } = on;
  await tokenkeep.front();
  await tokenkeep.addSandboxProfile('live_https', { name: 'One' });
  await tokenkeep.addSandboxProfile('unknown', { name: 'Two', scope: 'openid' });
  await page.front();
  await until('both show', async () => (await page.page.$$('#export_list input')).length === 2);
  await page.click('#export_list li:first-child input');
  const file = await page.copied('#export_copy');
  assert.deepEqual(
    JSON.parse(file).profiles.map(({ name }) => name),
    ['Two'],
  );
  assert.ok(!file.includes(on.sandbox.ready.app.client_secret));
  await page.click('#export_list li:last-child input');
  assert.equal(await page.page.$eval('#export_download', (button) => button.disabled), true, 'nothing is chosen');

  const folder = await mkdtemp(join(tmpdir(), 'tokenkeep-'));
  try {
    const path = join(folder, 'profiles.json');
    await writeFile(path, file);
    await startOver();
    const field = await page.page.$('#import_file');
    await field.uploadFile(path);
    await until('it is recognized', async () => (await page.page.$$('.found')).length === 1);
    assert.equal(await page.text('.found-name'), 'Two');
    assert.equal(await page.text('.found-secret'), 'not found');
    const label = await page.page.$eval('.found-add', (button) => button.getAttribute('aria-label'));
    assert.equal(label, 'Complete and add: Two');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('Download saves the file', async () => {
  const { tokenkeep } = on;
  await tokenkeep.front();
  await tokenkeep.addSandboxProfile('live_https', { name: 'One' });
  await page.front();
  await until('it shows', async () => (await page.page.$$('#export_list input')).length === 1);
  // What the browser would save: the blob that the link leads to.
  await page.page.evaluate(() => {
    const make = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      globalThis.saved = { url: make.call(URL, blob), text: blob.text() };
      return globalThis.saved.url;
    };
    document.getElementById('export_link').addEventListener('click', (event) => {
      event.preventDefault();
      globalThis.followed = event.currentTarget.href;
    });
  });
  await page.click('#export_download');
  const saved = await page.page.evaluate(() => globalThis.saved.text);
  assert.equal(await page.page.evaluate(() => globalThis.followed === globalThis.saved.url), true);
  assert.equal(JSON.parse(saved).profiles[0].name, 'One');
  assert.equal(await page.page.$eval('#export_link', (link) => link.download), 'tokenkeep-profiles.json');
});
