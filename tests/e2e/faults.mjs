#!/usr/bin/env node
// `cargo xtask soak --faults`: the worker and the whole browser are killed at random moments of sign-in and renewal.
//
//   node faults.mjs [--browser chromium|firefox] [--worker-kills 500] [--browser-kills 100] [--seed N]
//
// After each kill everything that is stored is read and compared with what stood there before and with what the
// authorization server gave out. Exits with 1 when a token was lost, a record torn, a code posted twice, or a redirect host
// reached.

import { isDeepStrictEqual, parseArgs } from 'node:util';
import { setTimeout as pause } from 'node:timers/promises';

import { launch } from './lib/browser.mjs';
import { browserName } from './lib/environment.mjs';
import { randomNumbers } from './lib/random.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Tokenkeep, closeOthers } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const { values: options } = parseArgs({
  options: {
    browser: { type: 'string' },
    'worker-kills': { type: 'string', default: '500' },
    'browser-kills': { type: 'string', default: '100' },
    seed: { type: 'string' },
  },
});
const name = browserName(options.browser);
const counts = { worker: Number(options['worker-kills']), browser: Number(options['browser-kills']) };
const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(options.seed);
if (![counts.worker, counts.browser, seed].every((number) => Number.isInteger(number) && number >= 0)) {
  console.error('faults: --worker-kills, --browser-kills and --seed take whole numbers');
  process.exit(2);
}
const random = randomNumbers(seed);

/** What gets a new token, by the worker's own command. */
const WAYS = {
  'sign-in': (profile) => ({ Authorize: { profile } }),
  renewal: (profile) => ({ Renew: { profile } }),
};

const totals = { kills: 0, newTokens: 0, lost: 0, torn: 0, secondPosts: 0, redirectHostRequests: 0 };
const ends = new Map();

/** One browser with one authorized profile, and what happens to it. */
class Subject {
  constructor(sandbox, browser) {
    this.sandbox = sandbox;
    this.browser = browser;
  }

  static async start() {
    const sandbox = await Sandbox.start();
    // Not by a cookie, which a browser that is killed may forget.
    await sandbox.session(sandbox.ready.member.username);
    const subject = new Subject(sandbox, await launch(name, { sandbox }));
    await subject.open();
    await subject.tokenkeep.grantHosts();
    subject.profile = await subject.tokenkeep.addSandboxProfile('live_https');
    await (await subject.tokenkeep.authorize(subject.profile)).complete();
    await closeOthers(subject.browser, subject.tokenkeep.page);
    return subject;
  }

  async open() {
    this.tokenkeep = await Tokenkeep.open(this.browser);
  }

  async stop() {
    await this.browser.close();
    await this.sandbox.stop();
  }

  /** Everything stored that a kill could harm. */
  async stored() {
    const all = await this.tokenkeep.local();
    return {
      rest: { schema: all.schema, index: all.index, profile: all[`profile:${this.profile}`], secret: all[`secret:${this.profile}`] },
      token: all[`token:${this.profile}`],
    };
  }

  /** Sends the command; a worker that dies over it answers nothing. */
  begin(way) {
    this.tokenkeep.page
      .evaluate((message) => chrome.runtime.sendMessage(message).catch(() => {}), WAYS[way](this.profile))
      .catch(() => {
        // The browser was killed.
      });
  }

  /** How the last flow of the profile ended, once none is under way. */
  async end() {
    const begun = performance.now();
    return until('no flow is under way', async () => {
      const engine = await this.tokenkeep.engine();
      const [flow] = Object.keys(engine.flows);
      if (flow === undefined) return { ended: engine.ended[this.profile] };
      // What a person does who sees that it does not go on.
      const waits = performance.now() - begun > 3_000;
      await this.tokenkeep.send(waits ? { Cancel: { flow } } : 'Look');
      return undefined;
    }, { every: 50, timeout: 90_000 });
  }

  /** How long a way takes that nothing disturbs, in milliseconds. */
  async pace(way) {
    const before = await this.stored();
    const begun = performance.now();
    this.begin(way);
    await until('another token is stored', async () => (await this.stored()).token.flow !== before.token.flow, { every: 5 });
    const took = performance.now() - begun;
    await this.end();
    await closeOthers(this.browser, this.tokenkeep.page);
    return took;
  }

  /** Compares what is stored now with what was, and with what the server knows. */
  async compare(plan, before, ended) {
    const now = await this.stored();
    const state = await this.sandbox.state();
    const given = state.tokens.find(({ token }) => token === now.token?.token?.access_token);
    const wrong = [];
    if (!isDeepStrictEqual(now.rest, before.rest) || now.token?.token?.refresh_token === undefined) wrong.push('torn');
    if (given?.status !== 'active') wrong.push('lost');
    const stored = ended && !ended.finding;
    if (stored && now.token?.flow !== ended.flow) wrong.push('lost');
    if (plan.acknowledged !== undefined && now.token?.flow !== plan.acknowledged) wrong.push('lost');
    totals.torn += wrong.includes('torn');
    totals.lost += wrong.includes('lost');
    totals.newTokens += now.token?.flow !== before.token.flow;
    totals.secondPosts = state.counters.second_code_posts;
    totals.redirectHostRequests = state.counters.redirect_host_requests;
    if (wrong.length > 0) console.log(`kill ${totals.kills}: ${wrong.join(', ')}: ${JSON.stringify({ ...plan, ended, given })}`);
    const end = `${plan.way}, ${plan.what} killed: ${ended ? (ended.finding?.code ?? 'a token') : 'forgotten'}`;
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }

  /** The worker dies somewhere in the way. */
  async killWorker(plan) {
    const before = await this.stored();
    this.begin(plan.way);
    await pause(plan.delay);
    await this.browser.killWorker();
    totals.kills += 1;
    const { ended } = await this.end();
    await this.compare(plan, before, ended);
    await closeOthers(this.browser, this.tokenkeep.page);
  }

  /** The browser dies somewhere in the way, or in the moment in which a page was told that the token is stored. */
  async killBrowser(plan) {
    const before = await this.stored();
    this.begin(plan.way);
    if (plan.afterwards) {
      plan.acknowledged = await until('the flow has ended', async () => {
        const { ended } = await this.tokenkeep.engine();
        const { flow, finding } = ended[this.profile] ?? {};
        return flow !== undefined && flow === (await this.stored()).token.flow && flow !== before.token.flow && !finding && flow;
      }, { every: 2 });
    } else {
      await pause(plan.delay);
    }
    await this.browser.kill();
    totals.kills += 1;
    await this.browser.start();
    await this.open();
    await this.tokenkeep.shown('view-home');
    // Chromium writes down what was granted some seconds later.
    await this.tokenkeep.grantHosts();
    const { ended } = await this.end();
    await this.compare(plan, before, ended);
    await closeOthers(this.browser, this.tokenkeep.page);
  }
}

let subject;
try {
  subject = await Subject.start();
  console.log(`${await subject.browser.browser.version()}, ${counts.worker} kills of the worker, ${counts.browser} of the browser, seed ${seed}`);
  const paces = {};
  for (const way of Object.keys(WAYS)) {
    paces[way] = Math.max(await subject.pace(way), await subject.pace(way));
    console.log(`  ${way} takes ${Math.round(paces[way])} ms undisturbed`);
  }
  for (const what of ['worker', 'browser']) {
    for (let number = 1; number <= counts[what]; number += 1) {
      const way = random() < 0.5 ? 'sign-in' : 'renewal';
      const plan = { what, way, delay: Math.floor(random() * paces[way] * 1.2), afterwards: what === 'browser' && random() < 0.5 };
      await (what === 'worker' ? subject.killWorker(plan) : subject.killBrowser(plan));
      if (number % 25 === 0 || number === counts[what]) console.log(`${number} of ${counts[what]} kills of the ${what}`);
    }
  }
  console.log('');
  console.log(`kills: ${totals.kills}`);
  console.log(`new tokens all the same: ${totals.newTokens}`);
  console.log(`lost: ${totals.lost}`);
  console.log(`torn: ${totals.torn}`);
  console.log(`second POSTs of a code: ${totals.secondPosts}`);
  console.log(`redirect host requests: ${totals.redirectHostRequests}`);
  for (const [end, times] of [...ends].sort()) console.log(`  ${times} × ${end}`);
  if (totals.lost + totals.torn + totals.secondPosts + totals.redirectHostRequests > 0) process.exitCode = 1;
} catch (error) {
  console.error(`faults: ${error.stack}`);
  process.exitCode = 1;
} finally {
  await subject?.stop();
}
