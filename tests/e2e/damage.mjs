#!/usr/bin/env node
// `cargo xtask soak --damage N`: the browser's own files of storage.local are damaged, a byte or a cut at a time.
//
//   node damage.mjs [--browser chromium|firefox] [--damages 100] [--at-once N] [--seed N] [--part 1/2]
//
// The damages are spread evenly over all bytes, half of them flipped bits and half cuts; with as many as there are bytes each byte
// is flipped and each file cut at each length. After each the browser starts, and what was stored must be as it was,
// or the person must be told. `--part` takes the first or another of so many parts of them, so that several runs share the work.
// Chromium takes several at a time, each in the storage of another copy of the extension.
// Exits with 1 when something was lost without a word, or taken for a first run.

import { parseArgs } from 'node:util';

import { launch } from './lib/browser.mjs';
import { ManyOnDisk, OnDisk } from './lib/damage.mjs';
import { browserName } from './lib/environment.mjs';
import { randomNumbers } from './lib/random.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';

const { values: options } = parseArgs({
  options: { browser: { type: 'string' }, damages: { type: 'string', default: '100' }, 'at-once': { type: 'string' }, seed: { type: 'string' }, part: { type: 'string', default: '1/1' } },
});
const name = browserName(options.browser);
const damages = Number(options.damages);
const atOnce = Number(options['at-once'] ?? (name === 'chromium' ? 20 : 1));
const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(options.seed);
const [part, parts] = options.part.split('/').map(Number);
if (![damages, seed, atOnce - 1, part - 1, parts - part].every((number) => Number.isInteger(number) && number >= 0)) {
  console.error('damage: --damages, --at-once and --seed take whole numbers, --part two of them as 1/2');
  process.exit(2);
}
const random = randomNumbers(seed);

/** The damages, in the order in which they are done. */
function* damagesOf(size) {
  const step = (2 * size) / damages;
  for (let number = 0; number < damages; number += 1) {
    const how = number % 2 === 0 ? 'flip' : 'cut';
    yield { how, byte: Math.min(size - 1, Math.floor(((number >> 1) + (step > 1 ? random() : 0)) * Math.max(step, 1))) };
  }
}

const sandbox = await Sandbox.start();
const browser = await launch(name, { sandbox });
let many;
const ends = new Map();
let wrong = 0;
try {
  const tokenkeep = await Tokenkeep.open(browser);
  await tokenkeep.grantHosts();
  const id = await tokenkeep.addSandboxProfile('live_https');
  await (await tokenkeep.authorize(id)).complete();
  console.log(`${await browser.browser.version()}, ${damages} damages, ${atOnce} at a time, seed ${seed}`);
  if (atOnce > 1) many = await ManyOnDisk.of(tokenkeep, id, atOnce, (args) => launch(name, { sandbox, args }));
  const disk = many ?? (await OnDisk.of(tokenkeep, id));
  for (const { name: file, length } of disk.listed()) console.log(`  ${file}: ${length} bytes`);
  const every = [...damagesOf(disk.size)];
  const all = every.slice(Math.floor((every.length * (part - 1)) / parts), Math.floor((every.length * part) / parts));
  for (let done = 0; done < all.length; ) {
    const now = all.slice(done, done + disk.atOnce);
    for (const [number, end] of (await disk.start(now)).entries()) {
      if (end instanceof Error) {
        wrong += 1;
        console.log(end.message);
      }
      if (end === 'reported') console.log(`reported: ${now[number].how} of ${now[number].byte}`);
      const named = `${now[number].how}: ${end instanceof Error ? 'WRONG' : end}`;
      ends.set(named, (ends.get(named) ?? 0) + 1);
    }
    const before = done;
    done += now.length;
    if (Math.floor(done / 100) > Math.floor(before / 100)) console.log(`${done} of ${all.length}`);
  }
  console.log('');
  for (const [end, times] of [...ends].sort()) console.log(`  ${times} × ${end}`);
  console.log(`lost without a word, or taken for a first run: ${wrong}`);
  if (wrong > 0) process.exitCode = 1;
} catch (error) {
  console.error(`damage: ${error.stack}`);
  process.exitCode = 1;
} finally {
  await browser.close();
  await many?.close();
  await sandbox.stop();
}
