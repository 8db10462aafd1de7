// A browser's own files of storage.local, damaged while it does not run.

import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

import { records } from './stored.mjs';
import { Tokenkeep, closeOthers } from './tokenkeep.mjs';
import { until } from './until.mjs';

/** Every file below a folder, with its path from there. */
export async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** A browser's profile with an authorized profile of ours in it, as it lies on the disk. */
export class OnDisk {
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
    const before = OnDisk.precious(await tokenkeep.local());
    await browser.quit();
    const folder = browser.storageFolder();
    await cp(folder, `${folder}.whole`, { recursive: true });
    const files = new Map();
    for (const name of await filesBelow(folder)) {
      // What the browser logs of itself, locks, and its marks of time.
      if (!/(^|\/)(LOG|LOG\.old|LOCK|\.metadata-v2.*|.*-shm)$/.test(name)) files.set(name, await readFile(join(folder, name)));
    }
    return Object.assign(new OnDisk(), { browser, id, before, folder, files });
  }

  /** What must not be lost without a word. */
  static precious({ index, keys, ...all }) {
    const kinds = Object.entries(all).filter(([key]) => /^(profile|secret|token):/.test(key));
    return { index, ...Object.fromEntries(kinds) };
  }

  /** How many bytes there are to damage. */
  get size() {
    return [...this.files.values()].reduce((sum, { length }) => sum + length, 0);
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

  /** Starts the browser with this byte changed, or the file cut off there; returns what became of the records. */
  async start(how, byte) {
    const { name, at } = this.place(byte);
    await rm(this.folder, { recursive: true });
    await cp(`${this.folder}.whole`, this.folder, { recursive: true });
    const bytes = Buffer.from(this.files.get(name));
    if (how === 'flip') bytes[at] ^= 1 << (byte % 8);
    await writeFile(join(this.folder, name), how === 'cut' ? bytes.subarray(0, at) : bytes);
    await this.browser.start();
    try {
      return await this.#end();
    } catch (error) {
      error.message = `${how} of byte ${at} of ${name}: ${error.message}`;
      throw error;
    } finally {
      await this.browser.quit();
    }
  }

  /** `whole`: as it was, and nobody was bothered. `restored`: as it was, and told. `reported`: not as it was, and told. */
  async #end() {
    const page = new Tokenkeep(this.browser, await this.browser.openExtensionPage('popup.html'));
    const view = await page.shown();
    if (view === 'view-error') return 'reported';
    assert.equal(view, 'view-home', 'it is no first run');
    // What is looked through at the browser's start may still be under way.
    await page.send('Look');
    const told = await page.page.evaluate(async () => 'damage' in (await chrome.storage.local.get('damage')));
    const now = OnDisk.precious(records(await page.raw()));
    const same = JSON.stringify(sorted(now)) === JSON.stringify(sorted(this.before));
    assert.ok(same || told, `lost without a word: ${Object.keys(this.before).filter((key) => JSON.stringify(now[key]) !== JSON.stringify(this.before[key]))}`);
    if (told) await until('the person is told', () => page.visible('#damage'));
    if (!same) return 'reported';
    await page.inState(this.id, 'token');
    return told ? 'restored' : 'whole';
  }
}

function sorted(object) {
  return Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
}
