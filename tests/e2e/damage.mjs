#!/usr/bin/env node
// `cargo xtask soak --damage N`: the browser's own files of storage.local are damaged, a byte or a cut at a time.
//
//   node damage.mjs [--browser chromium|firefox] [--damages 100] [--seed N]
//
// The damages are spread evenly over all bytes, half of them flipped bits and half cuts; with as many as there are bytes each byte
// is flipped and each file cut at each length. After each the browser starts, and what was stored must be as it was,
// or the person must be told. Exits with 1 when something was lost without a word, or taken for a first run.

import { parseArgs } from 'node:util';

import { launch } from './lib/browser.mjs';
import { OnDisk } from './lib/damage.mjs';
import { browserName } from './lib/environment.mjs';
import { randomNumbers } from './lib/random.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';

const { values: options } = parseArgs({
  options: { browser: { type: 'string' }, damages: { type: 'string', default: '100' }, seed: { type: 'string' } },
});
const name = browserName(options.browser);
const damages = Number(options.damages);
const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(options.seed);
if (![damages, seed].every((number) => Number.isInteger(number) && number >= 0)) {
  console.error('damage: --damages and --seed take whole numbers');
  process.exit(2);
}
const random = randomNumbers(seed);

const sandbox = await Sandbox.start();
const browser = await launch(name, { sandbox });
const ends = new Map();
let wrong = 0;
try {
  const tokenkeep = await Tokenkeep.open(browser);
  await tokenkeep.grantHosts();
  const id = await tokenkeep.addSandboxProfile('live_https');
  await (await tokenkeep.authorize(id)).complete();
  console.log(`${await browser.browser.version()}, ${damages} damages, seed ${seed}`);
  const disk = await OnDisk.of(tokenkeep, id);
  for (const [file, bytes] of disk.files) console.log(`  ${file}: ${bytes.length} bytes`);
  const step = (2 * disk.size) / damages;
  for (let number = 0; number < damages; number += 1) {
    const how = number % 2 === 0 ? 'flip' : 'cut';
    const byte = Math.min(disk.size - 1, Math.floor(((number >> 1) + (step > 1 ? random() : 0)) * Math.max(step, 1)));
    let end;
    try {
      end = `${how}: ${await disk.start(how, byte)}`;
    } catch (error) {
      wrong += 1;
      end = `${how}: WRONG`;
      console.log(error.message);
    }
    ends.set(end, (ends.get(end) ?? 0) + 1);
    if ((number + 1) % 25 === 0) console.log(`${number + 1} of ${damages}`);
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
  await sandbox.stop();
}
