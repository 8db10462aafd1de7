#!/usr/bin/env node
// `cargo xtask bench`: the budgets of DESIGN.md, measured in real browsers on the packed extension.
//
//   node bench.mjs [--browser chromium|firefox] [--samples n]
//
// Without --browser: both, one after the other. Prints one table. A budget that does not hold is marked OVER; the exit
// code is 1 only when something could not be measured, because a machine's speed is no property of the code.

import { readFile, rm, stat } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';

import { browserName, extensionPath } from './lib/environment.mjs';
import { interleaved, keepPlainProcess, launchWithPlain, median, openUntilReady } from './lib/measure.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { items, records } from './lib/stored.mjs';
import { Tokenkeep, fill, throughReloads } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';
import { PASSPHRASE, keyGone, lock, protect } from './lib/vault.mjs';

const { values: options } = parseArgs({
  options: { browser: { type: 'string' }, samples: { type: 'string', default: '25' } },
});
const names = options.browser ? [browserName(options.browser)] : ['chromium', 'firefox'];
const samples = Number(options.samples);
if (!(samples >= 15)) {
  console.error('bench: --samples takes a number of at least 15');
  process.exit(2);
}
const MANY = 1000;
const WARM_UP = 3;
/** How long the token endpoint takes to answer, in milliseconds. */
const ENDPOINT_MS = 250;
const SCOPES = ['openid', 'profile', 'email'];
const TOKEN_ENDPOINT = 'https://www.linkedin.com/oauth/v2/accessToken';

const say = (text) => console.error(`bench: ${text}`);
const ms = (number) => `${number.toFixed(number < 10 ? 1 : 0)} ms`;
const kb = (bytes) => `${(bytes / 1000).toFixed(1)} KB`;

// --- a browser with the extension at work ---

/** What all measurements of one browser share. */
class Bench {
  static async start(name) {
    const bench = new Bench();
    bench.sandbox = await Sandbox.start();
    bench.browser = await launchWithPlain(name, { sandbox: bench.sandbox });
    bench.tokenkeep = await Tokenkeep.open(bench.browser);
    await bench.tokenkeep.grantHosts();
    await bench.tokenkeep.startOver();
    const { app, member } = bench.sandbox.ready;
    await bench.sandbox.session(member.username);
    await bench.sandbox.grant(app.client_id, member.username, SCOPES);
    bench.profile = await bench.tokenkeep.addSandboxProfile('live_https', { scope: SCOPES.join(' ') });
    // An address of the extension that runs nothing: it reaches the APIs, keeps the extension's process alive as the
    // other one's page keeps its own, and does nothing when storage changes.
    bench.still = await bench.browser.openExtensionPage('icons/icon.svg');
    const first = await bench.tokenkeep.authorize(bench.profile);
    const outcome = await first.outcome();
    if (outcome !== 'Token') throw new Error(`the first flow ended with ${outcome}`);
    await bench.clearAway();
    await bench.still.evaluate(record, bench.profile, TOKEN_ENDPOINT, bench.sandbox.ready.redirect_hosts.live_https);
    return bench;
  }

  async end() {
    await this.browser?.close();
    await this.sandbox?.stop();
    if (this.browser) await rm(this.browser.plain, { recursive: true, force: true });
  }

  /** Writes what storage holds with this many profiles, all like the one made through the form. */
  async store(count) {
    const before = await this.still.evaluate(() => chrome.storage.local.get(null));
    const stored = records(before);
    const kinds = ['profile', 'secret', 'token'];
    const { entries } = stored.index;
    const { profile: id } = this;
    const copies = Array.from({ length: count - 1 }, (_, number) => `${id.slice(0, -4)}${String(number).padStart(4, '0')}`);
    const kept = new Set([id, ...copies]);
    const gone = entries.filter((entry) => !kept.has(entry.id)).flatMap((entry) => kinds.map((kind) => `${kind}:${entry.id}`));
    const [own] = entries;
    const written = { index: { entries: [own] } };
    for (const copy of copies) {
      written.index.entries.push({ ...own, id: copy });
      for (const kind of kinds) written[`${kind}:${copy}`] = stored[`${kind}:${id}`];
      written[`profile:${copy}`] = { ...written[`profile:${copy}`], id: copy };
    }
    await this.still.evaluate(
      async (removed, set) => {
        await chrome.storage.local.remove(removed);
        await chrome.storage.local.set(set);
      },
      gone.flatMap((key) => [key, `~${key}`]),
      items(written, before),
    );
  }

  /** The worker at rest, with no flow in its memory, so that two series of flows begin alike. */
  async forgetFlows() {
    await this.browser.killWorker();
    await this.still.evaluate(async () => {
      await chrome.storage.session.clear();
      const rules = await chrome.declarativeNetRequest.getSessionRules();
      await chrome.declarativeNetRequest.updateSessionRules({ removeRuleIds: rules.map((rule) => rule.id) });
    });
  }

  /** One whole flow; returns its times in milliseconds of the Unix epoch and what it wrote. */
  async flow() {
    const { tokenkeep, still, profile } = this;
    await tokenkeep.expand(profile);
    await tokenkeep.inState(profile, 'token');
    await tokenkeep.front();
    // A token endpoint lies across a network. One that answers at once answers while the result page is loaded, which in
    // Firefox is the same process as the worker, and waits for it.
    await this.sandbox.fault('token', { kind: 'delay', ms: ENDPOINT_MS });
    await still.evaluate(() => globalThis.bench.begin());
    await tokenkeep.page.click(`${tokenkeep.card(profile)} .profile-authorize`);
    // Nothing is asked of the browser until the token is there.
    await still.evaluate(() => globalThis.bench.seen);
    await this.clearAway();
    return still.evaluate(() => globalThis.bench.end());
  }

  /** Waits until a flow is over and closes its result page. */
  async clearAway() {
    const { tokenkeep, still } = this;
    const result = await until('the result page is all that the flow has left', async () => {
      if (Object.keys((await tokenkeep.engine()).flows).length > 0) return false;
      // The last thing that a flow writes; the page that writes everything down must have heard of it.
      if ((await still.evaluate(() => chrome.storage.local.get('notes').then(({ notes }) => notes ?? ''))).includes('"flow"')) return false;
      const others = (await this.browser.pages()).filter(({ page }) => page !== tokenkeep.page && page !== still);
      return others.length === 1 && others[0].url.includes('popup.html#') && others[0].page;
    });
    await result.close();
  }

  /** A series of flows with this many profiles stored, the worker warm. */
  async flows(count, profiles) {
    await this.store(profiles);
    await this.forgetFlows();
    await this.tokenkeep.page.close();
    this.tokenkeep = await Tokenkeep.open(this.browser);
    const flows = [];
    for (let number = 0; number < WARM_UP + count; number += 1) {
      const flow = await this.flow();
      if (number >= WARM_UP) flows.push(flow);
    }
    return flows;
  }
}

/** Writes down, in a page of the extension, when things happen and what is written. */
function record(profile, tokenEndpoint, redirectUri) {
  let blocked, sent, answered, storedAt, written, resolve;
  // The browser reports from several processes, in any order.
  const seen = () => {
    if (blocked && sent && answered && storedAt) resolve();
  };
  const { webRequest, storage } = chrome;
  webRequest.onErrorOccurred.addListener(
    ({ url, timeStamp }) => {
      if (url.startsWith(redirectUri)) blocked ??= timeStamp;
      seen();
    },
    { urls: ['<all_urls>'], types: ['main_frame'] },
  );
  const endpoint = { urls: [tokenEndpoint] };
  webRequest.onSendHeaders.addListener(({ timeStamp }) => {
    sent ??= timeStamp;
    seen();
  }, endpoint);
  webRequest.onCompleted.addListener(({ timeStamp }) => {
    answered ??= timeStamp;
    seen();
  }, endpoint);
  storage.onChanged.addListener((changes, area) => {
    const now = Date.now();
    for (const [key, { newValue }] of Object.entries(changes)) {
      const name = `${area} ${key}`;
      const bytes = new TextEncoder().encode(JSON.stringify(newValue) ?? '').length;
      written[name] = { times: (written[name]?.times ?? 0) + 1, bytes: (written[name]?.bytes ?? 0) + bytes };
    }
    if (area === 'local' && changes[`token:${profile}`]) {
      storedAt ??= now;
      seen();
    }
  });
  globalThis.bench = {
    begin() {
      blocked = sent = answered = storedAt = undefined;
      written = {};
      this.seen = new Promise((done) => {
        resolve = done;
      });
    },
    end: () => ({ blocked, sent, answered, storedAt, written }),
  };
}

// --- what is measured ---

/** The rows of the table: what is measured, and DESIGN.md's budget. */
const ROWS = {
  popup: ['popup ready : the same page as plain HTML', '≤ 1.3 ×'],
  popupMany: [`popup ready, ${MANY} profiles : 1 profile`, '≤ 1.5 ×'],
  flow: ['redirect blocked → token stored, beyond the request', '≤ 50 ms'],
  flowMany: [`the same with ${MANY} profiles`, '≤ 50 ms'],
  unlock: ['Unlock pressed → profiles shown', '≤ 1 s'],
  open: ['passphrase → backup opened', '≤ 1 s'],
  wasm: ['WebAssembly, worker : popup : manager : safe', '≤ 300 KB each'],
  wasmGzip: ['WebAssembly, gzip -9, in the same order', '≤ 130 KB each'],
  package: ['package', '≤ 250 KB'],
  written: [`written by one renewal, 1 : ${MANY} profiles`, 'the same'],
};

/** One measurement: as text, and whether it is within its budget. */
const line = (text, holds) => ({ text, holds });

/** The ratio of two series of openings. */
function ratio(taken, budget) {
  const [reference, measured] = ['reference', 'measured'].map((name) => median(taken[name].map(({ ready }) => ready)));
  const value = measured / reference;
  return line(`${value.toFixed(2)} × (${ms(measured)} : ${ms(reference)})`, value <= budget);
}

/** Popup with one profile against the same page as plain HTML. */
async function popupAgainstPlain({ browser }) {
  const taken = await interleaved(
    {
      reference: () => openUntilReady(browser, `${browser.plainOrigin}/plain.html`),
      measured: () => openUntilReady(browser, `${browser.origin}/popup.html`),
    },
    { samples, warmUp: WARM_UP },
  );
  return ratio(taken, 1.3);
}

/** Popup with many profiles against one. */
async function popupWithMany(bench) {
  const open = async (profiles) => {
    await bench.store(profiles);
    return openUntilReady(bench.browser, `${bench.browser.origin}/popup.html`);
  };
  const taken = await interleaved(
    { reference: () => open(1), measured: () => open(MANY) },
    { samples, warmUp: WARM_UP },
  );
  return ratio(taken, 1.5);
}

/** From the blocked redirect to the stored token, less the token request's own time. */
function redirectToToken(flows) {
  const parts = flows.map(({ blocked, sent, answered, storedAt }) => [sent - blocked, answered - sent, storedAt - answered]);
  const beyond = median(parts.map(([before, , after]) => before + after));
  const [before, own, after] = [0, 1, 2].map((part) => ms(median(parts.map((times) => times[part]))));
  return line(`${ms(beyond)} (${before} + ${after}; request ${own})`, beyond <= 50);
}

/** The least and the most of these numbers, as one text where they are the same. */
const range = (numbers) => [...new Set([Math.min(...numbers), Math.max(...numbers)])].join('–');

/**
 * What one renewal writes, with one profile and with many: the keys, how often, and the bytes. A trace comes in one write or in
 * two, by what the browser tells first, so that the least of all flows is compared.
 */
function written(one, many) {
  const what = (flows) => {
    const keys = [...new Set(flows.flatMap((flow) => Object.keys(flow.written)))];
    const times = (key) => flows.map((flow) => flow.written[key]?.times ?? 0);
    const bytes = (area) => {
      const sums = flows.map((flow) =>
        Object.entries(flow.written)
          .filter(([key]) => key.startsWith(area))
          .reduce((total, [, { bytes: own }]) => total + own, 0),
      );
      return Math.min(...sums);
    };
    const listed = (count) =>
      keys
        .map((key) => [key.replace(/:.*/, ''), count(times(key))])
        .filter(([, number]) => number !== 0)
        .map(([key, number]) => `${key} ${number} ×`)
        .sort()
        .join(', ');
    return {
      least: listed((numbers) => Math.min(...numbers)),
      times: listed(range),
      local: bytes('local'),
      session: bytes('session'),
    };
  };
  const [a, b] = [what(one), what(many)];
  // Tokens differ in length; what grew with the profiles would grow by more than a byte for each.
  const same = (area) => Math.abs(a[area] - b[area]) < MANY;
  const holds = a.least === b.least && same('local') && same('session');
  const bytes = ({ local, session }) => `${local} + ${session} B`;
  return line(`${a.times}; ${bytes(a)} : ${b.times === a.times ? '' : `${b.times}; `}${bytes(b)}`, holds);
}

/** From the click on Unlock to the profiles: the key is derived, the worker told, and everything read and drawn. */
async function unlocking(bench) {
  await bench.store(1);
  const tokenkeep = await Tokenkeep.open(bench.browser);
  await (await protect(tokenkeep)).page.close();
  const taken = [];
  for (let number = 0; number < WARM_UP + samples; number += 1) {
    await lock(tokenkeep);
    await keyGone(tokenkeep);
    await fill(tokenkeep.page, '#locked_passphrase', PASSPHRASE);
    const begun = performance.now();
    await tokenkeep.click('#locked_go');
    await throughReloads('the profiles are shown', () => tokenkeep.visible('#view-home .profile-main'));
    if (number >= WARM_UP) taken.push(performance.now() - begun);
  }
  return line(ms(median(taken)), median(taken) <= 1000);
}

/** From the passphrase to the contents: the module is loaded, the key derived, the file opened, in the worker of a page. */
async function opening({ browser }) {
  const page = await browser.openExtensionPage('manager.html');
  const taken = await page.evaluate(async (count) => {
    const passphrase = 'tundra velvet okapi lantern';
    const ask = (...message) =>
      new Promise((resolve, reject) => {
        const begun = performance.now();
        const worker = new Worker('safe.js');
        worker.onmessage = ({ data: { done, failed } }) => {
          worker.terminate();
          if (done === undefined) reject(new Error(failed));
          else resolve([done, performance.now() - begun]);
        };
        worker.postMessage(message);
      });
    const [file] = await ask('seal', passphrase, '{}');
    const times = [];
    for (let number = 0; number < count; number += 1) times.push((await ask('open', passphrase, file))[1]);
    return times;
  }, samples);
  await page.close();
  return line(`${ms(median(taken))} (64 MiB, 3 passes)`, median(taken) <= 1000);
}

async function sizes(name) {
  const wasm = (module) => readFile(join(extensionPath('chromium'), `${module}_bg.wasm`));
  const modules = await Promise.all(['worker', 'popup', 'manager', 'safe'].map(wasm));
  const { size } = await stat(join(dirname(extensionPath('firefox')), `tokenkeep-${name}.zip`));
  const within = (sizes, budget) => line(sizes.map(kb).join(' : '), sizes.every((bytes) => bytes <= budget));
  return {
    wasm: within(modules.map(({ length }) => length), 300_000),
    wasmGzip: within(modules.map((bytes) => gzipSync(bytes, { level: 9 }).length), 130_000),
    package: within([size], 250_000),
  };
}

/** Everything of one browser, by the names of ROWS. A measurement that fails is an error in place of a line. */
async function measure(name) {
  const rows = {};
  const attempt = async (row, take) => {
    try {
      rows[row] = await take();
    } catch (error) {
      rows[row] = error;
    }
  };
  let bench;
  try {
    bench = await Bench.start(name);
    say(`${await bench.browser.browser.version()}: ${2 * (WARM_UP + samples)} flows`);
    const flows = {};
    await attempt('flow', async () => {
      flows.one = await bench.flows(samples, 1);
      return redirectToToken(flows.one);
    });
    await attempt('flowMany', async () => {
      flows.many = await bench.flows(samples, MANY);
      return redirectToToken(flows.many);
    });
    await attempt('written', () => written(flows.one, flows.many));
    await attempt('open', () => opening(bench));
    // Its page draws whenever storage changes, and that is not what the rest is about.
    await bench.tokenkeep.page.close();
    await keepPlainProcess(bench.browser);
    say(`${name}: ${4 * (WARM_UP + samples)} openings of the popup`);
    await bench.store(1);
    await attempt('popup', () => popupAgainstPlain(bench));
    await attempt('popupMany', () => popupWithMany(bench));
    await attempt('unlock', () => unlocking(bench));
  } catch (error) {
    for (const row of Object.keys(ROWS)) rows[row] ??= error;
  } finally {
    await bench?.end();
  }
  return { ...rows, ...(await sizes(name)) };
}

// --- the table ---

const width = (column) => Math.max(...column.map((text) => [...text].length));
const pad = (text, length) => text + ' '.repeat(length - [...text].length);

function cell(measured) {
  if (measured instanceof Error) return 'NOT MEASURED';
  return `${measured.holds ? 'ok  ' : 'OVER'} ${measured.text}`;
}

const results = {};
for (const name of names) results[name] = await measure(name);

const columns = [
  ['', ...Object.values(ROWS).map(([what]) => what)],
  ['budget', ...Object.values(ROWS).map(([, budget]) => budget)],
  ...names.map((name) => [name, ...Object.keys(ROWS).map((row) => cell(results[name][row]))]),
];
// Ratios stand a busy machine; milliseconds don't.
const load = `load average ${loadavg()[1].toFixed(1)} on ${availableParallelism()} processors`;
console.log(`\nMedians of ${samples} samples, taken in turn; the token endpoint answers after ${ENDPOINT_MS} ms; ${load}.\n`);
for (let row = 0; row <= Object.keys(ROWS).length; row += 1) {
  console.log(columns.map((column) => pad(column[row], width(column))).join('  ').trimEnd());
}
for (const name of names) {
  for (const [row, measured] of Object.entries(results[name])) {
    if (!(measured instanceof Error)) continue;
    console.error(`bench: ${name}: ${row}: ${measured.message}`);
    process.exitCode = 1;
  }
}
