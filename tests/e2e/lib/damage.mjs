// A browser's own files of storage.local, damaged while it does not run.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { copied } from './copied.mjs';
import { extensionPath } from './environment.mjs';
import { records } from './stored.mjs';
import { Tokenkeep, closeOthers } from './tokenkeep.mjs';
import { until } from './until.mjs';

/** Every file below a folder, with its path from there. */
export async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

const INTRUDER = fileURLToPath(new URL('../intruder', import.meta.url));

/**
 * What became of the records that a popup shows: `whole`, as they were, and nobody was bothered; `restored`, as they were, and told;
 * `reported`, not as they were, and told.
 */
async function end(page, id, before) {
  const view = await page.shown();
  if (view === 'view-error') return 'reported';
  assert.equal(view, 'view-home', 'it is no first run');
  // What is looked through at the browser's start may still be under way.
  await page.send('Look');
  const told = await page.page.evaluate(async () => 'damage' in (await chrome.storage.local.get('damage')));
  const now = precious(records(await page.raw()));
  const same = JSON.stringify(sorted(now)) === JSON.stringify(sorted(before));
  assert.ok(same || told, `lost without a word: ${Object.keys(before).filter((key) => JSON.stringify(now[key]) !== JSON.stringify(before[key]))}`);
  if (told) await until('the person is told', () => page.visible('#damage'));
  if (!same) return 'reported';
  await page.inState(id, 'token');
  return told ? 'restored' : 'whole';
}

/** What must not be lost without a word. */
function precious({ index, keys, ...all }) {
  const kinds = Object.entries(all).filter(([key]) => /^(profile|secret|token):/.test(key));
  return { index, ...Object.fromEntries(kinds) };
}

/** The bytes of one folder of storage, and the ways to damage them. */
class Files {
  static async of(folder) {
    const files = new Map();
    for (const name of await filesBelow(folder)) {
      // What the browser logs of itself, locks, and its marks of time.
      if (!/(^|\/)(LOG|LOG\.old|LOCK|\.metadata-v2.*|.*-shm)$/.test(name)) files.set(name, await readFile(join(folder, name)));
    }
    return Object.assign(new Files(), { folder, files });
  }

  /** How many bytes there are to damage. */
  get size() {
    return [...this.files.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** The files, with their lengths. */
  listed() {
    return [...this.files].map(([name, { length }]) => ({ name, length }));
  }

  /** The file and the place in it of one of all bytes. */
  place(byte) {
    let at = byte;
    for (const [name, bytes] of this.files) {
      if (at < bytes.length) return { name, at };
      at -= bytes.length;
    }
    throw new Error(`there are ${this.size} bytes, not ${byte}`);
  }

  /** Changes this byte, or cuts the file off there; returns what was done. */
  async damage({ how, byte }) {
    const { name, at } = this.place(byte);
    const bytes = Buffer.from(this.files.get(name));
    if (how === 'flip') bytes[at] ^= 1 << (byte % 8);
    await writeFile(join(this.folder, name), how === 'cut' ? bytes.subarray(0, at) : bytes);
    return `${how} of byte ${at} of ${name}`;
  }
}

/** What came of a damage; a failure says which damage it was. */
async function told(what, work) {
  try {
    return await work();
  } catch (error) {
    error.message = `${what}: ${error.message}`;
    return error;
  }
}

/** A browser's profile with an authorized profile of ours in it, as it lies on the disk. One damage at each start. */
export class OnDisk {
  atOnce = 1;

  /** Quits the browser in which `tokenkeep` shows the authorized profile `id`. */
  static async of(tokenkeep, id) {
    const { browser } = tokenkeep;
    // Few bytes, none of them of what came before: a store as small as it can be.
    await browser.killWorker();
    await tokenkeep.page.evaluate(async () => {
      const all = await chrome.storage.local.get(null);
      await chrome.storage.local.clear();
      await chrome.storage.local.set(all);
    });
    await tokenkeep.reload();
    await tokenkeep.inState(id, 'token');
    await closeOthers(browser, tokenkeep.page);
    const before = precious(await tokenkeep.local());
    await browser.quit();
    const folder = browser.storageFolder();
    await cp(folder, `${folder}.whole`, { recursive: true });
    return Object.assign(new OnDisk(), { browser, id, before, folder, files: await Files.of(folder) });
  }

  get size() {
    return this.files.size;
  }

  listed() {
    return this.files.listed();
  }

  /** Starts the browser with one damage; returns what became of the records, or what is wrong. */
  async start([damage]) {
    await rm(this.folder, { recursive: true });
    await cp(`${this.folder}.whole`, this.folder, { recursive: true });
    const what = await this.files.damage(damage);
    await this.browser.start();
    const ended = await told(what, async () =>
      end(new Tokenkeep(this.browser, await this.browser.openExtensionPage('popup.html')), this.id, this.before),
    );
    await this.browser.quit();
    return [ended];
  }
}

/** The same in Chromium, with many copies of the extension, each with its own storage: as many damages at each start. */
export class ManyOnDisk {
  /** Fills copies with what `tokenkeep` has stored, in a browser of their own that is made by `launch`. */
  static async of(tokenkeep, id, count, launch) {
    const before = precious(await tokenkeep.local());
    const raw = await tokenkeep.raw();
    const directory = await mkdtemp(join(tmpdir(), 'tokenkeep-copies-'));
    const copies = Array.from({ length: count }, (_, number) => join(directory, String(number)));
    for (const copy of copies) await cp(extensionPath('chromium'), copy, { recursive: true });
    const browser = await launch([`--load-extension=${[...copies, INTRUDER].join()}`]);
    const many = Object.assign(new ManyOnDisk(), { browser, id, before, directory, atOnce: count });
    const { extensions } = await browser.cdp.send('Extensions.getExtensions');
    many.ids = extensions.filter(({ id: other }) => other !== browser.intruderId).map(({ id: other }) => other);
    assert.equal(many.ids.length, count);
    for (const extension of many.ids) {
      const page = await many.#popup(extension);
      await page.shown();
      await page.page.evaluate(async (items) => {
        await chrome.storage.session.clear();
        await chrome.storage.local.clear();
        await chrome.storage.local.set(items);
      }, raw);
      await page.send('Heal');
      const copy = await copied(page);
      for (const key of Object.keys(before)) assert.ok(key in copy, key);
      await page.page.close();
    }
    await browser.quit();
    await cp(browser.profile, many.#whole, { recursive: true });
    many.files = await many.#files();
    const layout = JSON.stringify(many.listed());
    for (const files of many.files) assert.equal(JSON.stringify(files.listed()), layout, 'all copies have the same bytes to damage');
    return many;
  }

  get #whole() {
    return `${this.browser.profile}.whole`;
  }

  get size() {
    return this.files[0].size;
  }

  listed() {
    return this.files[0].listed();
  }

  #files() {
    const folder = (extension) => join(this.browser.profile, 'Default', 'Local Extension Settings', extension);
    return Promise.all(this.ids.map((extension) => Files.of(folder(extension))));
  }

  async #popup(extension) {
    const page = await this.browser.newPage();
    await page.goto(`chrome-extension://${extension}/popup.html`, { waitUntil: 'domcontentloaded' });
    return new Tokenkeep(this.browser, page);
  }

  async start(damages) {
    await rm(this.browser.profile, { recursive: true });
    await cp(this.#whole, this.browser.profile, { recursive: true });
    const whats = await Promise.all(damages.map((damage, number) => this.files[number].damage(damage)));
    await this.browser.start();
    const ended = await Promise.all(
      whats.map((what, number) => told(what, async () => end(await this.#popup(this.ids[number]), this.id, this.before))),
    );
    await this.browser.quit();
    return ended;
  }

  async close() {
    await this.browser.close();
    for (const made of [this.#whole, this.directory]) await rm(made, { recursive: true, force: true });
  }
}

function sorted(object) {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}
