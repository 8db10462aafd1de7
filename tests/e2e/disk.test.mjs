// What the browser's profile folder holds after use with a passphrase, and a few damages of the browser's own files.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { launch } from './lib/browser.mjs';
import { OnDisk, filesBelow } from './lib/damage.mjs';
import { Holder } from './lib/holder.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { BROWSER } from './lib/stage.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';
import { PASSPHRASE, fillVault, keyGone, loadedAnew, lock, madeAnew, protect, shows, unlock } from './lib/vault.mjs';

const sandbox = await Sandbox.start();
after(() => sandbox.stop());

/** A browser of its own for one test. */
async function browserFor(t) {
  await sandbox.reset();
  const browser = await launch(BROWSER, { sandbox });
  t.after(() => browser.close());
  const tokenkeep = await Tokenkeep.open(browser);
  await tokenkeep.grantHosts();
  await sandbox.session(sandbox.ready.member.username);
  return tokenkeep;
}

/** A profile with a refresh token, renewed once; returns all that must stay secret. */
async function used(tokenkeep) {
  const { client_id, client_secret } = sandbox.ready.refresh_app;
  const id = await tokenkeep.sendProfile({ client_id, client_secret });
  await tokenkeep.profileShown(id);
  await (await tokenkeep.authorize(id)).complete();
  await tokenkeep.send({ Renew: { profile: id } });
  await until('it is renewed', async () => (await tokenkeep.engine()).ended[id]?.renewal);
  // The sandbox knows what it gave out; what is stored may be sealed.
  const tokens = (await sandbox.state()).tokens.map(({ token }) => token);
  assert.ok(tokens.length >= 3, 'two access tokens and a refresh token');
  return { id, canaries: [client_secret, PASSPHRASE, ...tokens] };
}

/** Pieces of a text: Firefox compresses what it stores, which may cut a text anywhere but leaves most of a random one as it is. */
function pieces(text) {
  const length = 12;
  assert.ok(text.length >= length, 'too short to be told from chance');
  const starts = Array.from({ length: Math.floor(text.length / length) }, (_, number) => number * length);
  return starts.map((start) => text.slice(start, start + length));
}

/** The files below a profile that hold a piece of one of these texts, in the encodings that browsers write. */
async function found(profile, canaries) {
  const hits = [];
  for (const name of await filesBelow(profile)) {
    const bytes = await readFile(join(profile, name)).catch(() => Buffer.alloc(0));
    const holds = (piece) => bytes.includes(piece) || bytes.includes(Buffer.from(piece, 'utf16le'));
    for (const canary of canaries) {
      if (pieces(canary).some(holds)) hits.push(`${name}: ${canary.slice(0, 6)}…`);
    }
  }
  return hits;
}

async function lockAndQuit(tokenkeep) {
  await lock(tokenkeep);
  await keyGone(tokenkeep);
  await tokenkeep.browser.quit();
}

test('without a passphrase the secrets lie in the profile folder, as the pages say', async (t) => {
  const tokenkeep = await browserFor(t);
  const { canaries } = await used(tokenkeep);
  assert.match(await tokenkeep.text('.storage-note'), /unencrypted/);
  await tokenkeep.browser.quit();
  // Without these hits the searches below would show nothing.
  const hits = await found(tokenkeep.browser.profile, canaries);
  assert.ok(hits.length > 0, 'nothing is found');
});

test('used with a passphrase from the beginning, locked and quit: no secret lies anywhere in it', async (t) => {
  const tokenkeep = await browserFor(t);
  const manager = await fillVault(tokenkeep.browser, { passphrase: PASSPHRASE, again: PASSPHRASE });
  await loadedAnew(manager);
  await manager.page.close();
  await shows(tokenkeep, 'view-setup');
  const { canaries } = await used(tokenkeep);
  await lockAndQuit(tokenkeep);
  assert.deepEqual(await found(tokenkeep.browser.profile, canaries), []);
});

test('given a passphrase after use, locked and quit: none is left', async (t) => {
  const tokenkeep = await browserFor(t);
  const { id, canaries } = await used(tokenkeep);
  const manager = await protect(tokenkeep);
  await manager.page.close();
  await lockAndQuit(tokenkeep);
  assert.deepEqual(await found(tokenkeep.browser.profile, canaries), []);
  await tokenkeep.browser.start();
  const again = await Tokenkeep.open(tokenkeep.browser);
  await shows(again, 'view-locked');
  await unlock(again);
  await shows(again, 'view-home');
  await again.inState(id, 'token');
});

test('given a passphrase by a worker that dies before it has cleared what stood there: the next start does, and none is left', async (t) => {
  const tokenkeep = await browserFor(t);
  const { browser } = tokenkeep;
  const { canaries } = await used(tokenkeep);
  await diesOverPassphrase(tokenkeep);
  await browser.quit();
  await browser.start();
  const again = await Tokenkeep.open(browser);
  await shows(again, 'view-locked');
  await madeAnew(again);
  assert.equal(await again.record('damage'), undefined);
  await browser.quit();
  assert.deepEqual(await found(browser.profile, canaries), []);
});

/** Sets a passphrase and stops the worker when all is sealed and the old texts are still in the files. */
async function diesOverPassphrase(tokenkeep) {
  const { browser } = tokenkeep;
  // A worker that was faster is asked once more; where it always is, nothing is left for the next one to do.
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const still = await browser.openExtensionPage('icons/icon.svg');
    const sealed = still.evaluate(
      () => new Promise((resolve) => chrome.storage.onChanged.addListener((changes) => changes.vault && resolve())),
    );
    const manager = await fillVault(browser, { passphrase: PASSPHRASE, again: PASSPHRASE });
    await sealed;
    await browser.killWorker();
    const [unsettled, open] = await still.evaluate(async () => [
      'unsettled' in (await chrome.storage.local.get('unsettled')),
      'key' in (await chrome.storage.session.get('key')),
    ]);
    await still.close();
    await manager.page.close();
    if (unsettled || !open || attempt === 7) return;
    await loadedAnew(await fillVault(browser, { before: PASSPHRASE }, '#vault_remove'));
  }
}

test('a flipped bit or a cut in the browser’s own files is made good or told, and never a first run', async (t) => {
  const tokenkeep = await browserFor(t);
  const holder = await Holder.of(tokenkeep);
  const disk = await OnDisk.of(tokenkeep, holder.id);
  const ends = [];
  for (const part of [0.02, 0.3, 0.55, 0.8, 0.97]) {
    for (const how of ['flip', 'cut']) ends.push(...(await disk.start([{ how, byte: Math.floor(disk.size * part) }])));
  }
  for (const end of ends) assert.ifError(end instanceof Error ? end : null);
  assert.ok(ends.some((end) => end !== 'whole'), ends.join());
});
