#!/usr/bin/env node
// `cargo xtask bench`: one table of what takes how long and how large it is, against the budgets of the design.
//
//   node bench.mjs [--browser chromium|firefox] [--runs 21]

import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

import { launch } from './lib/browser.mjs';
import { browserName, extensionPath } from './lib/environment.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const { values: options } = parseArgs({
  options: { browser: { type: 'string' }, runs: { type: 'string', default: '21' } },
});
const name = browserName(options.browser);
const runs = Number(options.runs);
const MANY = 1000;

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};
const round = (value) => Math.round(value * 10) / 10;

const rows = [];
function row(what, value, budget, within) {
  rows.push({ what, value, budget, verdict: within === undefined ? '' : within ? 'within' : 'OVER' });
}

/** Opens two pages in turn, so that both see the same machine, and returns the median of each. */
async function compare(browser, first, second) {
  const times = [[], []];
  // The first visits of a page fill caches; they don't count.
  for (let run = -2; run < runs; run += 1) {
    for (const [index, address] of [first, second].entries()) {
      const time = await browser.timeToReady(address);
      if (run >= 0) times[index].push(time);
    }
  }
  return times.map(median);
}

/** Copies the only profile with its secret and token until there are `count` of them. */
async function multiplyProfiles(tokenkeep, count) {
  const stored = await tokenkeep.local();
  const [{ id }] = stored.index.entries;
  const records = { index: { ...stored.index, entries: [...stored.index.entries] } };
  for (let number = 1; number < count; number += 1) {
    const copy = number.toString(16).padStart(id.length, '0');
    for (const [key, value] of Object.entries(stored)) {
      if (key.endsWith(`:${id}`)) records[key.replace(id, copy)] = JSON.parse(JSON.stringify(value).replaceAll(id, copy));
    }
    records.index.entries.push({ ...stored.index.entries[0], id: copy, name: `Profile ${number}` });
  }
  await tokenkeep.page.evaluate((items) => chrome.storage.local.set(items), records);
}

/** Watches, in one of the extension's pages, what the browser reports of a flow. */
function watchFlows(tokenkeep, hosts) {
  return tokenkeep.page.evaluate(
    (redirectHost, tokenEndpoint) => {
      const seen = { written: 0 };
      globalThis.seen = seen;
      chrome.webRequest.onErrorOccurred.addListener(
        ({ timeStamp }) => {
          seen.blocked ??= timeStamp;
        },
        { urls: [redirectHost], types: ['main_frame'] },
      );
      const filter = { urls: [tokenEndpoint] };
      chrome.webRequest.onBeforeRequest.addListener(({ timeStamp }) => {
        seen.asked = timeStamp;
      }, filter);
      chrome.webRequest.onCompleted.addListener(({ timeStamp }) => {
        seen.answered = timeStamp;
      }, filter);
      chrome.storage.onChanged.addListener((changes, area) => {
        if (area !== 'local') return;
        for (const [key, { newValue }] of Object.entries(changes)) {
          seen.written += JSON.stringify({ [key]: newValue }).length;
          if (key.startsWith('token:')) seen.stored = Date.now();
        }
      });
    },
    `${new URL(hosts.live_https).origin}/*`,
    'https://www.linkedin.com/oauth/v2/accessToken',
  );
}

/** Runs flows that need no page of LinkedIn's; returns the medians of what they cost. */
async function measureFlows(tokenkeep, profile, count) {
  const shares = [];
  const written = [];
  for (let run = -1; run < count; run += 1) {
    await tokenkeep.page.evaluate(() => {
      for (const key of Object.keys(globalThis.seen)) delete globalThis.seen[key];
      globalThis.seen.written = 0;
    });
    const flow = await tokenkeep.authorize(profile);
    const outcome = await flow.outcome();
    if (outcome !== 'Token') throw new Error(`a flow of the bench ended with ${outcome}`);
    const seen = await until('the browser reported everything', () =>
      tokenkeep.page.evaluate(() => {
        const { blocked, asked, answered, stored } = globalThis.seen;
        return blocked && asked && answered && stored && { ...globalThis.seen };
      }),
    );
    if (run >= 0) {
      shares.push(seen.stored - seen.blocked - (seen.answered - seen.asked));
      written.push(seen.written);
    }
    for (const { page } of await tokenkeep.browser.pages()) {
      if (page !== tokenkeep.page) await page.close();
    }
  }
  return { share: median(shares), written: median(written) };
}

async function sizes() {
  const wasm = await readFile(join(extensionPath('chromium'), 'tokenkeep_bg.wasm'));
  row('WebAssembly, raw', `${round(wasm.length / 1000)} KB`, '≤ 300 KB', wasm.length <= 300_000);
  const packed = gzipSync(wasm, { level: 9 }).length;
  row('WebAssembly, gzip', `${round(packed / 1000)} KB`, '≤ 130 KB', packed <= 130_000);
  const firefox = extensionPath('firefox');
  for (const browser of ['chromium', 'firefox']) {
    const path = browser === 'firefox' ? firefox : join(dirname(firefox), 'tokenkeep-chromium.zip');
    const { size } = await stat(path).catch(() => ({ size: undefined }));
    if (size !== undefined) row(`package for ${browser}`, `${round(size / 1000)} KB`, '≤ 250 KB', size <= 250_000);
  }
}

async function measure({ sandbox, browser, tokenkeep }) {
  const { app, member, redirect_hosts: hosts } = sandbox.ready;
  const profile = await tokenkeep.addSandboxProfile('live_https');
  await sandbox.session(member.username);
  await sandbox.grant(app.client_id, member.username, ['openid', 'profile', 'email']);
  await watchFlows(tokenkeep, hosts);

  const few = await measureFlows(tokenkeep, profile, Math.max(20, runs));
  row('redirect blocked → token stored, beyond the token endpoint', `${round(few.share)} ms`, '≤ 50 ms', few.share <= 50);

  const popup = `${browser.origin}/popup.html`;
  const plain = `${browser.intruderOrigin}/plain.html`;
  const [one, base] = await compare(browser, popup, plain);
  row('popup ready, 1 profile', `${round(one)} ms`, '');
  row('plain page ready', `${round(base)} ms`, '');
  row('popup against plain page', `${round(one / base)} ×`, '≤ 1.3 ×', one / base <= 1.3);

  await multiplyProfiles(tokenkeep, MANY);
  const [many, baseAgain] = await compare(browser, popup, plain);
  const factor = many / baseAgain / (one / base);
  row(`popup ready, ${MANY} profiles`, `${round(many)} ms`, '');
  row(`popup with ${MANY} profiles against 1`, `${round(factor)} ×`, '≤ 1.5 ×', factor <= 1.5);

  const more = await measureFlows(tokenkeep, profile, 5);
  row('written to storage.local by a flow, 1 profile', `${few.written} bytes`, '');
  row(`the same with ${MANY} profiles`, `${more.written} bytes`, 'the same', Math.abs(more.written - few.written) < 64);
  await sizes();
}

let browser;
let sandbox;
try {
  sandbox = await Sandbox.start();
  browser = await launch(name, { sandbox });
  const tokenkeep = await Tokenkeep.open(browser);
  await tokenkeep.grantHosts();
  const version = await browser.browser.version();
  await measure({ sandbox, browser, tokenkeep });
  console.log(`${version}, medians of ${runs} runs\n`);
  const width = (key) => Math.max(...rows.map((entry) => entry[key].length));
  for (const { what, value, budget, verdict } of rows) {
    console.log(`${what.padEnd(width('what'))}  ${value.padStart(width('value'))}  ${budget.padEnd(width('budget'))}  ${verdict}`.trimEnd());
  }
} catch (error) {
  console.error(`bench: ${error.stack}`);
  process.exitCode = 1;
} finally {
  await browser?.close();
  await sandbox?.stop();
}
