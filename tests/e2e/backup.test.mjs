// Everything in one encrypted file, and back: in a fresh browser, beside what is there, and not at all where the file is bad.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';

import { launch } from './lib/browser.mjs';
import { refuseWrites } from './lib/full.mjs';
import { Holder } from './lib/holder.mjs';
import { Manager } from './lib/manager.mjs';
import { BROWSER, stage } from './lib/stage.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const PASSPHRASE = 'tundra velvet okapi lantern';
const VECTORS = new URL('../vectors/vault/', import.meta.url);
let folder;
let files = 0;
let manager;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tokenkeep-'));
});

after(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  const { tokenkeep, browser } = on;
  await tokenkeep.startOver();
  manager = await Manager.open(browser, '#transfer');
  await manager.shown('view-transfer');
});

/** Writes a profile with a secret and a token, as the worker stores them, behind those that are there. */
async function put(id, { name = id, token_ms = 1000, token = `AQX-${id}-${token_ms}`, ...more } = {}) {
  const profile = {
    id,
    name,
    provider: 'linkedin',
    client_id: `78${id}`,
    redirect_uri: 'https://app.tokenkeep.test/cb',
    scopes: ['openid'],
    renew_automatically: false,
    renew_in_tab: false,
    look: {},
    created_ms: 1,
    ...more,
  };
  const items = {
    [`profile:${id}`]: profile,
    [`secret:${id}`]: { client_secret: `WPL-${id}-canary`, token_origin: 'https://www.linkedin.com' },
    [`token:${id}`]: {
      flow: token,
      token: {
        v: 1,
        access_token: token,
        token_type: 'Bearer',
        scope_requested: ['openid'],
        obtained_ms: token_ms,
        expires_ms: Date.now() + 9e9,
      },
    },
  };
  const { index = { entries: [] } } = await manager.local('index');
  const entries = [...index.entries.filter(({ id: other }) => other !== id), { id, name }];
  await manager.put({ schema: 2, index: { entries }, ...items });
}

/** Everything that a backup is about. A member that is null and one that is absent are the same. */
async function kept() {
  const all = JSON.parse(JSON.stringify(await manager.local(), (_, value) => value ?? undefined));
  const own = Object.entries(all).filter(([key]) => /^(index|settings|(profile|secret|token):.*)$/.test(key));
  return Object.fromEntries(own.sort(([one], [other]) => (one < other ? -1 : 1)));
}

async function type(selector, text) {
  await manager.page.$eval(
    selector,
    (field, value) => {
      field.value = value;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    },
    text,
  );
}

/** Presses the button, takes what the browser would save, and its name. */
async function backUp(passphrase = PASSPHRASE) {
  const { page } = manager;
  await until('there is something to back up', () => manager.visible('#backup_go'));
  await type('#backup_passphrase', passphrase);
  await type('#backup_again', passphrase);
  await save();
  const file = Buffer.from(await page.evaluate(() => globalThis.saved.bytes));
  return { file, name: await page.evaluate(() => globalThis.saved.name) };
}

async function save() {
  await manager.page.evaluate(() => {
    const make = URL.createObjectURL;
    URL.createObjectURL = (blob) => {
      globalThis.blob = blob;
      return make.call(URL, blob);
    };
    document.getElementById('backup_link').addEventListener('click', async (event) => {
      event.preventDefault();
      const name = event.currentTarget.download;
      globalThis.saved = { name, bytes: [...new Uint8Array(await globalThis.blob.arrayBuffer())] };
    });
  });
  await manager.click('#backup_go');
  await until('the file is made', () => manager.page.evaluate(() => globalThis.saved !== undefined));
}

/** Chooses a file. */
async function choose(file) {
  // A browser says nothing of the same file chosen once more.
  const path = join(folder, `backup-${(files += 1)}.tokenkeep`);
  await writeFile(path, file);
  await manager.front();
  const field = await manager.page.$('#restore_file');
  await field.uploadFile(path);
}

/** Chooses a file and opens it. */
async function open(file, passphrase = PASSPHRASE) {
  await choose(file);
  await until('the passphrase is asked for', () => manager.visible('#restore_passphrase'));
  await type('#restore_passphrase', passphrase);
  await manager.click('#restore_go');
}

/** What the list shows, by profile. */
async function listed() {
  await until('the list shows', () => manager.visible('#restore_found'));
  return manager.page.$$eval('#restore_list > li', (items) =>
    Object.fromEntries(
      items.map((item) => {
        const choice = item.querySelector('.restore-choice');
        return [
          item.querySelector('.found-name').textContent,
          {
            state: item.querySelector('.restore-state').textContent,
            changes: [...item.querySelectorAll('.restore-changes > li')].map((line) => line.textContent),
            choice: choice.hidden ? null : choice.value,
            choices: [...choice.options].map(({ value }) => value),
          },
        ];
      }),
    ),
  );
}

async function pick(place, value) {
  await manager.page.select(`#restore_list > li:nth-child(${place}) .restore-choice`, value);
}

async function restore() {
  await manager.click('#restore_write');
  await manager.shown('view-profiles');
}

/** Waits for an error, which may follow another one. */
async function error(form, words, why = '') {
  let seen;
  try {
    await until('the error shows', async () => {
      seen = (await manager.visible(`#${form}_error`)) ? await manager.text(`#${form}_error`) : 'no error';
      return words.test(seen);
    });
  } catch (failure) {
    throw new Error(`${failure.message}: ${words} ${why}; it says: ${seen}`);
  }
}

test('in a fresh browser the backup brings the same profiles, secrets, tokens, order and settings', async () => {
  const { tokenkeep, sandbox } = on;
  await sandbox.session(sandbox.ready.member.username);
  await tokenkeep.front();
  const id = await tokenkeep.addSandboxProfile('live_https', { name: 'Über' });
  const flow = await tokenkeep.authorize(id);
  await flow.consent();
  assert.equal(await flow.outcome(), 'Token');
  const token = await tokenkeep.storedToken(id);
  await put('b2', { name: 'Second' });
  const settings = { remind_days: [9, 2], notify: false, template: 'T={{access_token}}' };
  await manager.page.evaluate((value) => chrome.runtime.sendMessage({ SaveSettings: { settings: value } }), settings);
  await manager.page.evaluate((profile) => chrome.runtime.sendMessage({ MoveProfile: { profile, before: null } }), id);
  const expected = await kept();
  assert.equal(expected.index.entries.length, 2);
  const { file, name } = await backUp();
  const now = new Date();
  const two = (number) => String(number).padStart(2, '0');
  assert.equal(name, `tokenkeep-backup-${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}.tokenkeep`);
  await until('the page says so', () => manager.visible('#backup_saved'));
  assert.deepEqual(await manager.page.$$eval('#backup input', (fields) => fields.map(({ value }) => value)), ['', '']);

  await on.browser.close();
  on.browser = await launch(BROWSER, { sandbox });
  on.tokenkeep = await Tokenkeep.open(on.browser);
  manager = await Manager.open(on.browser, '#transfer');
  await manager.shown('view-transfer');
  assert.deepEqual(await kept(), {});
  assert.equal(await manager.visible('#backup'), false, 'there is nothing to back up');
  await open(file);
  const list = await listed();
  assert.deepEqual(Object.keys(list), ['Second', 'Über'], 'in their order');
  assert.equal(list['Über'].state, 'New');
  assert.equal(list['Über'].choice, 'backup');
  assert.match(list['Über'].changes.join('\n'), /client secret\nWith a token/);
  // Neither before nor after is a secret in the page.
  const page = await manager.page.evaluate(() => document.documentElement.outerHTML + document.title + location.href);
  for (const secret of [sandbox.ready.app.client_secret, token, 'canary', PASSPHRASE]) {
    assert.ok(!page.includes(secret), secret);
  }
  await restore();
  assert.deepEqual(await kept(), expected);
  await on.tokenkeep.grantHosts();
});

test('a token that could not be saved is in it', async () => {
  const { tokenkeep, sandbox, browser } = on;
  await sandbox.session(sandbox.ready.member.username);
  await tokenkeep.front();
  const { client_id, client_secret } = sandbox.ready.refresh_app;
  const holder = await Holder.of(tokenkeep, { client_id, client_secret, name: 'One' });
  await refuseWrites(browser);
  await holder.pressRenew();
  const token = await until('it is in memory', async () => Object.values((await tokenkeep.engine()).flows)[0]?.unstored?.finding && tokenkeep.copied(`${holder.card} .copy-token`));
  assert.notEqual(token, holder.first.token.access_token);
  await manager.front();
  const { file } = await backUp();
  await tokenkeep.startOver();
  manager = await Manager.open(browser, '#transfer');
  await manager.shown('view-transfer');
  await open(file);
  await listed();
  await restore();
  assert.equal((await manager.local(`token:${holder.id}`))[`token:${holder.id}`].token.access_token, token);
});

test('the file holds nothing readable, and two of the same are nowhere alike', async () => {
  const { page } = manager;
  await put('a1');
  const { file } = await backUp();
  await page.evaluate(() => void delete globalThis.saved);
  const second = (await backUp()).file;
  for (const secret of ['canary', 'AQX-', 'a1-1000', 'linkedin', 'client_id', 'tokenkeep.test', 'profile', PASSPHRASE, 'tundra']) {
    for (const form of [Buffer.from(secret), Buffer.from(secret, 'utf16le'), Buffer.from(Buffer.from(secret).toString('base64').slice(0, -4) || secret)]) {
      assert.equal(file.includes(form), false, secret);
    }
  }
  assert.deepEqual(file.subarray(0, 24), second.subarray(0, 24), 'the parameters are the same');
  assert.equal(file.readUInt32BE(12), 64 * 1024);
  assert.equal(file.readUInt32BE(16), 3);
  // Salt, nonces, keys and contents.
  for (let at = 24; at + 8 <= file.length; at += 1) {
    const same = file.subarray(at, at + 8).equals(second.subarray(at, at + 8));
    assert.ok(!same || (at >= 105 && at <= 120), `byte ${at}`);
  }
});

test('a passphrase that is short, easy or typed otherwise is refused, and no file is made', async () => {
  await put('a1');
  await until('there is something to back up', () => manager.visible('#backup_go'));
  assert.match(await manager.text('#backup_strength'), /Four words/);
  for (const [passphrase, again, strength, refusal] of [
    ['', '', /Four words/, /at least 12/],
    ['1234', '1234', /Too short/, /at least 12/],
    ['short words', 'short words', /Too short/, /at least 12/],
    ['123456789012345', '123456789012345', /easy to guess/, /easy to guess/],
    ['Password2026!!', 'Password2026!!', /easy to guess/, /easy to guess/],
    [PASSPHRASE, `${PASSPHRASE} `, /Good|Strong/, /not the same/],
    ['x'.repeat(1025), 'x'.repeat(1025), /Too short|easy/, /too long/],
  ]) {
    await type('#backup_passphrase', passphrase);
    await type('#backup_again', again);
    assert.match(await manager.text('#backup_strength'), strength, passphrase);
    await manager.click('#backup_go');
    await error('backup', refusal, passphrase);
    assert.equal(await manager.visible('#backup_saved'), false);
  }
  await manager.go('settings', 'view-settings');
  await manager.go('transfer', 'view-transfer');
  assert.equal(await manager.value('#backup_passphrase'), '', 'what was typed is forgotten');
});

test('a suggested passphrase is shown, strong, another one each time, and opens the file', async () => {
  await put('a1');
  await until('there is something to back up', () => manager.visible('#backup_go'));
  await manager.click('#backup_suggest');
  const first = await manager.value('#backup_passphrase');
  const judged = new Set();
  for (let number = 0; number < 40; number += 1) {
    await manager.click('#backup_suggest');
    judged.add(await manager.text('#backup_strength'));
  }
  assert.deepEqual([...judged], ['Strong.']);
  const passphrase = await manager.value('#backup_passphrase');
  assert.match(passphrase, /^([a-km-z2-9]{5}-){3}[a-km-z2-9]{5}$/);
  assert.notEqual(first, passphrase);
  assert.equal(await manager.value('#backup_again'), passphrase);
  assert.equal(await manager.page.$eval('#backup_passphrase', (field) => field.type), 'text');
  await save();
  const file = Buffer.from(await manager.page.evaluate(() => globalThis.saved.bytes));
  await until('it is forgotten', async () => (await manager.value('#backup_passphrase')) === '');
  await open(file, passphrase);
  assert.equal((await listed()).a1.state, 'Same as here');
  assert.equal(await manager.visible('#restore_write'), false, 'there is nothing to restore');
});

test('another way to write the same letters opens the file', async () => {
  await put('a1');
  const { file } = await backUp('Übergröße Äther Kiefer Nebel'.normalize('NFD'));
  await open(file, 'Übergröße Äther\u00a0Kiefer Nebel'.normalize('NFC'));
  assert.equal((await listed()).a1.state, 'Same as here');
});

test('bad files and a wrong passphrase say so, and nothing is lost', async () => {
  await put('a1');
  const expected = await kept();
  const { file } = await backUp();
  const changed = (at, value) => {
    const copy = Buffer.from(file);
    copy[at] = value;
    return copy;
  };
  for (const [bytes, words] of [
    [Buffer.alloc(0), /no Tokenkeep backup/],
    [Buffer.from('{"tokenkeep":"profiles","version":1}'), /no Tokenkeep backup/],
    [file.subarray(0, file.length - 1), /end of this file is missing/],
    [file.subarray(0, 100), /end of this file is missing/],
    [Buffer.concat([file, Buffer.alloc(1)]), /damaged/],
    [changed(9, 2), /newer Tokenkeep/],
    // 4 GiB of memory, and next to none.
    [changed(12, 0x40), /unsafe or takes too much memory/],
    [changed(13, 0), /unsafe or takes too much memory/],
    [changed(11, 9), /unsafe or takes too much memory/],
    [Buffer.alloc(16 * 1024 * 1024 + 1), /larger than 16 MiB/],
  ]) {
    await choose(bytes);
    await error('restore', words);
    assert.equal(await manager.visible('#restore_passphrase'), false, 'nobody is asked for a passphrase');
  }
  for (const [bytes, passphrase, words] of [
    [file, `${PASSPHRASE}.`, /passphrase is wrong, or the file is damaged/],
    [file, '', /passphrase is wrong, or the file is damaged/],
    [changed(30, file[30] ^ 1), PASSPHRASE, /passphrase is wrong, or the file is damaged/],
    [changed(file.length - 1, file.at(-1) ^ 1), PASSPHRASE, /passphrase is right, but the file is damaged/],
  ]) {
    await open(bytes, passphrase);
    await error('restore', words);
    assert.equal(await manager.visible('#restore_found'), false);
  }
  assert.deepEqual(await kept(), expected);
  // After all of that the right one opens.
  await open(file);
  assert.equal((await listed()).a1.state, 'Same as here');
});

test('what was sealed but is no backup is refused', async () => {
  for (const [contents, words] of [
    ['{', /no backup in the file/],
    ['{}', /no backup in the file/],
    ['{"schema":1,"made_ms":1,"settings":{"remind_days":[]},"profiles":[]}', /no backup in the file/],
    ['{"schema":2}', /newer Tokenkeep/],
  ]) {
    const file = await manager.page.evaluate(
      (passphrase, text) =>
        new Promise((resolve) => {
          const worker = new Worker('safe.js');
          worker.onmessage = ({ data }) => {
            worker.terminate();
            resolve([...data.done]);
          };
          worker.postMessage(['seal', passphrase, text]);
        }),
      PASSPHRASE,
      contents,
    );
    await open(Buffer.from(file));
    await error('restore', words, contents);
  }
});

test('of each conflict mine is kept, the backup’s taken, or both', async () => {
  for (const id of ['a1', 'b2', 'c3', 'd4', 'e5']) await put(id);
  const { file } = await backUp();
  const change = (key, members) => manager.change(key, members);
  await change('profile:a1', { name: 'Mine' });
  await change('secret:b2', { client_secret: 'WPL-newer-secret' });
  await change('profile:c3', { redirect_uri: 'https://other.tokenkeep.test/cb', renew_in_tab: true });
  await change('profile:d4', { client_id: '78other' });
  await manager.page.evaluate(() => chrome.storage.local.remove(['token:e5', '~token:e5', 'secret:e5', '~secret:e5']));
  const earlier = await kept();
  await open(file);
  const list = await listed();
  assert.deepEqual(
    Object.values(list).map(({ state, choice }) => [state, choice]),
    [
      ['Differs', 'mine'],
      ['Differs', 'mine'],
      ['Differs', 'mine'],
      ['Differs', 'mine'],
      // The backup only adds something.
      ['Differs', 'backup'],
    ],
  );
  assert.deepEqual(list.a1.changes, ['It is called “Mine” here.']);
  assert.deepEqual(list.b2.changes, ['The client secrets are different.']);
  assert.deepEqual(list.c3.changes, ['Other here: Redirect URI, automatic renewal']);
  assert.match(list.d4.changes.join('\n'), /client ID here is 78other.*\n.*another app/);
  assert.deepEqual(list.d4.choices, ['mine', 'both']);
  assert.equal(list.e5.changes.length, 2);
  await pick(2, 'backup');
  await pick(3, 'both');
  await restore();
  const now = await kept();
  assert.deepEqual(now['profile:a1'], earlier['profile:a1'], 'kept');
  assert.equal(now['secret:b2'].client_secret, 'WPL-b2-canary', 'taken');
  assert.deepEqual(now['profile:c3'], earlier['profile:c3'], 'kept beside the other');
  const copy = now.index.entries.at(-1);
  assert.equal(copy.name, 'c3 (from the backup)');
  assert.equal(now[`profile:${copy.id}`].redirect_uri, 'https://app.tokenkeep.test/cb');
  assert.equal(now[`token:${copy.id}`].token.access_token, 'AQX-c3-1000');
  assert.equal(now[`secret:${copy.id}`].client_secret, 'WPL-c3-canary');
  assert.deepEqual(now['profile:d4'], earlier['profile:d4']);
  assert.equal(now['token:e5'].token.access_token, 'AQX-e5-1000', 'added');
  assert.equal(now.index.entries.length, 6);
});

test('a newer token stays whatever is chosen, and an older one gives way', async () => {
  await put('a1', { token_ms: 2000 });
  await put('b2', { token_ms: 2000 });
  const { file } = await backUp();
  await put('a1', { token_ms: 3000, name: 'renamed' });
  await put('b2', { token_ms: 1000 });
  await open(file);
  const list = await listed();
  assert.match(list.a1.changes.join('\n'), /The token here is newer and stays/);
  assert.match(list.b2.changes.join('\n'), /The backup has the newer token/);
  assert.deepEqual([list.a1.choice, list.b2.choice], ['mine', 'backup']);
  await pick(1, 'backup');
  await restore();
  const now = await kept();
  assert.equal(now['profile:a1'].name, 'a1', 'the backup’s was taken');
  assert.equal(now['token:a1'].token.access_token, 'AQX-a1-3000', 'the newer token stays');
  assert.equal(now['token:b2'].token.access_token, 'AQX-b2-2000');
});

test('what changes while the list stands is looked at again', async () => {
  await put('a1', { token_ms: 2000 });
  const { file } = await backUp();
  await put('a1', { token_ms: 1000 });
  await open(file);
  assert.equal((await listed()).a1.choice, 'backup');
  // A renewal in another window.
  await put('a1', { token_ms: 5000 });
  await manager.click('#restore_write');
  await error('restore', /changed here meanwhile/);
  const { a1 } = await listed();
  assert.match(a1.changes.join('\n'), /newer and stays/);
  assert.equal(a1.choice, 'mine');
  assert.equal((await kept())['token:a1'].token.access_token, 'AQX-a1-5000');
});

test('the worker writes nothing over a token that the page did not see', async () => {
  await put('a1', { token_ms: 5000 });
  const expected = await kept();
  const theirs = { profile: expected['profile:a1'], secret: null, token: null };
  const added = { ...theirs, profile: { ...theirs.profile, id: 'new1' } };
  for (const profiles of [
    [{ kept: theirs, replaces: true, seen: 'an older flow' }],
    [{ kept: theirs, replaces: true, seen: null }],
    // It is there already; it is not there.
    [{ kept: theirs, replaces: false, seen: null }],
    [{ kept: added, replaces: true, seen: null }],
    // One that would do goes with the one that won't.
    [
      { kept: added, replaces: false, seen: null },
      { kept: theirs, replaces: true, seen: 'an older flow' },
    ],
  ]) {
    const reply = await manager.page.evaluate(
      (wanted) => chrome.runtime.sendMessage({ Restore: { profiles: wanted, settings: null } }),
      profiles,
    );
    assert.match(reply.Failed?.message ?? '', /nothing was restored/);
    assert.deepEqual(await kept(), expected);
  }
});

test('while a flow of a profile is under way nothing is written to it', async () => {
  const { tokenkeep, sandbox } = on;
  await sandbox.session(sandbox.ready.member.username);
  await tokenkeep.front();
  const id = await tokenkeep.addSandboxProfile('live_https', { name: 'Busy' });
  const flow = await tokenkeep.authorize(id);
  const before = await kept();
  const restored = { kept: { profile: { ...before[`profile:${id}`], name: 'Old' }, secret: null, token: null }, replaces: true, seen: null };
  const send = () =>
    manager.page.evaluate((wanted) => chrome.runtime.sendMessage({ Restore: { profiles: [wanted], settings: null } }), restored);
  assert.match((await send()).Failed?.message ?? '', /flow .* under way; nothing was restored/);
  assert.deepEqual(await kept(), before);
  await flow.consent();
  assert.equal(await flow.outcome(), 'Token');
  // It has a token now, which the page has not seen.
  assert.match((await send()).Failed?.message ?? '', /changed meanwhile/);
  const { flow: seen } = (await kept())[`token:${id}`];
  restored.seen = seen;
  assert.equal(await send(), 'Done');
  const now = await kept();
  assert.equal(now[`profile:${id}`].name, 'Old');
  assert.equal(now[`token:${id}`].flow, seen, 'the token is untouched');
});

test('the page stands still for no key', async () => {
  await put('a1');
  await until('there is something to back up', () => manager.visible('#backup_go'));
  await manager.page.evaluate(() => {
    globalThis.ticks = 0;
    setInterval(() => {
      if (!document.getElementById('backup_working').hidden) globalThis.ticks += 1;
    }, 5);
  });
  await backUp();
  // In the page's own thread it would not tick at all between the click and the file.
  const ticks = await manager.page.evaluate(() => globalThis.ticks);
  assert.ok(ticks >= 5, `${ticks} ticks while the key was derived`);
});

test('settings are taken only where the box is ticked', async () => {
  await put('a1');
  const set = (remind_days) =>
    manager.page.evaluate(
      (days) => chrome.runtime.sendMessage({ SaveSettings: { settings: { remind_days: days, notify: false, template: null } } }),
      remind_days,
    );
  await set([9]);
  const { file } = await backUp();
  await set([5]);
  await open(file);
  await listed();
  await manager.click('#restore_write');
  await error('restore', /Nothing is chosen/);
  assert.deepEqual((await kept()).settings.remind_days, [5]);
  await manager.click('#restore_settings');
  await restore();
  assert.deepEqual((await kept()).settings.remind_days, [9]);
});

describe('the vectors in the WebAssembly that ships', () => {
  const vectors = async (name) => JSON.parse(await readFile(new URL(name, VECTORS))).vectors;

  /** Asks the module for one answer after the other; bytes go and come as hexadecimal. */
  function ask(messages) {
    return manager.page.evaluate(async (all) => {
      const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
      const worker = new Worker('safe.js');
      const answers = [];
      for (const [name, ...args] of all) {
        const answer = new Promise((resolve) => {
          worker.onmessage = ({ data }) => resolve(data);
        });
        worker.postMessage([name, ...args.map((arg) => (arg?.hex === undefined ? arg : bytes(arg.hex)))]);
        const { done, failed } = await answer;
        const hex = done instanceof Uint8Array ? Array.from(done, (byte) => byte.toString(16).padStart(2, '0')).join('') : done;
        answers.push(failed === undefined ? { done: hex ?? null } : { failed });
      }
      worker.terminate();
      return answers;
    }, messages);
  }

  const hex = (text) => ({ hex: text });

  test('XChaCha20-Poly1305, all of Wycheproof’s', async () => {
    const all = await vectors('xchacha20_poly1305.json');
    assert.equal(all.length, 315);
    const answers = await ask(
      all.map(({ input }) => ['xchacha20_poly1305', hex(input.key), hex(input.nonce), hex(input.aad), hex(input.ciphertext)]),
    );
    for (const [place, { name, expect }] of all.entries()) assert.deepEqual(answers[place], { done: expect }, name);
  });

  test('Argon2id, of RFC 9106 and the reference implementation', async () => {
    const all = await vectors('argon2id.json');
    assert.equal(all.length, 9);
    const answers = await ask(
      all.map(({ input: { password, salt, secret, data, memory_kib, passes, lanes } }) => [
        'argon2id',
        ...[password, salt, secret, data].map(hex),
        memory_kib,
        passes,
        lanes,
      ]),
    );
    for (const [place, { name, expect }] of all.entries()) assert.deepEqual(answers[place], { done: expect }, name);
  });

  test('files of another implementation open or say why not', async () => {
    const all = await vectors('backups.json');
    assert.equal(all.length, 49);
    const answers = await ask(all.map(({ input }) => ['open', input.passphrase, hex(input.file)]));
    for (const [place, { name, expect }] of all.entries()) {
      const { contents, error: code } = expect;
      assert.deepEqual(answers[place], code === undefined ? { done: contents } : { failed: code }, name);
    }
  });
});
