#!/usr/bin/env node
// `cargo xtask soak`: many authorizations with everything mixed at random, a third of them with the worker killed.
//
//   node soak.mjs [--browser chromium|firefox] [--flows N] [--seed S]
//
// Exits with 1 when a redirect host heard anything, when a code was posted twice, or when a flow without a token has no
// reason that the person is told.

import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { launch } from './lib/browser.mjs';
import { browserName } from './lib/environment.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const { values: options } = parseArgs({
  options: {
    browser: { type: 'string' },
    flows: { type: 'string', default: '200' },
    seed: { type: 'string' },
  },
});
const name = browserName(options.browser);
const count = Number(options.flows);
const seed = Number(options.seed ?? Math.floor(Math.random() * 2 ** 32));
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  throw new Error('--flows takes a whole number from 1 on, --seed a whole number');
}

const KINDS = ['301', '302', '303', '307', '308', 'chained', 'javascript', 'meta'];
const TARGETS = ['live_https', 'live_loopback', 'dead_loopback', 'unknown'];
const KILLS = ['before the click', 'before the redirect', 'between capture and exchange'];

/** mulberry32: the same flows for the same seed. */
let state = seed >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}
const pick = (list) => list[Math.floor(random() * list.length)];

/** Any event wakes a stopped worker; people open and close tabs all the time. */
async function wake(browser) {
  await (await browser.newPage()).close();
}

/** The member removes the app: the next authorization asks for consent again. */
async function removeApp({ control, app, member }) {
  const answer = await fetch(`${control}/revoke`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_id: app.client_id, member: member.username }),
  });
  if (!answer.ok) throw new Error(`sandbox: /revoke answered ${answer.status}`);
}

/** One flow; returns how it ended. */
async function run(browser, tokenkeep, profile, plan) {
  const { sandbox } = tokenkeep;
  await sandbox.redirect(plan.kind);
  if (plan.consent) await removeApp(sandbox.ready);
  else await sandbox.grant(sandbox.ready.app.client_id, sandbox.ready.member.username, ['openid', 'profile', 'email']);
  if (plan.kill === KILLS[0]) await browser.killWorker();
  const flow = await tokenkeep.authorize(profile);
  if (!plan.consent) return until('the flow has ended', () => flow.outcomeNow());
  await flow.signIn();
  if (plan.kill === KILLS[1]) await browser.killWorker();
  if (plan.kill === KILLS[2]) {
    // The moment is drawn, not awaited: it is to fall anywhere between the redirect and the token's arrival.
    await sandbox.fault('token', { kind: 'delay', ms: 40 });
    await Promise.all([flow.consent(), pause(plan.delay).then(() => browser.killWorker())]);
    await wake(browser);
  } else {
    await flow.consent();
  }
  const ended = () => flow.outcomeNow();
  try {
    return await until('the flow has ended', ended, { timeout: 5000 });
  } catch {
    // The worker died with the redirect in its hands. The person sees a blocked page and reloads it.
    plan.reloaded = true;
    await browser.press(await flow.tab(), 'reload');
  }
  try {
    return await until('the flow has ended', ended, { timeout: 5000 });
  } catch {
    return undefined;
  }
}

const sandbox = await Sandbox.start();
const browser = await launch(name, { sandbox });
const reasons = new Map();
const problems = [];
let tokens = 0;
let killed = 0;
let reloads = 0;
try {
  const tokenkeep = await Tokenkeep.open(browser);
  await tokenkeep.grantHosts();
  await sandbox.session(sandbox.ready.member.username);
  const profiles = {};
  for (const target of TARGETS) profiles[target] = await tokenkeep.addSandboxProfile(target);
  console.log(`soak: ${count} flows in ${name}, seed ${seed}`);
  const started = performance.now();
  for (let number = 1; number <= count; number += 1) {
    const plan = {
      kind: pick(KINDS),
      target: pick(TARGETS),
      kill: random() < 1 / 3 ? pick(KILLS) : undefined,
      delay: Math.floor(random() * 120),
    };
    // Without a page in between there is no moment but the click at which to stop the worker.
    plan.consent = random() < 0.8 || (plan.kill !== undefined && plan.kill !== KILLS[0]);
    const outcome = await run(browser, tokenkeep, profiles[plan.target], plan);
    if (plan.kill) killed += 1;
    if (plan.reloaded) reloads += 1;
    if (outcome === 'Token') {
      tokens += 1;
    } else {
      const reason = `${outcome ?? 'no end'}${plan.kill ? `, worker killed ${plan.kill}` : ''}`;
      reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      if (outcome === undefined) problems.push(`flow ${number} has no defined end: ${JSON.stringify(plan)}`);
      if (outcome !== undefined && !plan.kill) problems.push(`flow ${number} gave no token undisturbed: ${outcome}`);
    }
    if (number % 20 === 0 || number === count) {
      const seconds = Math.round((performance.now() - started) / 1000);
      console.log(`  ${number} flows, ${tokens} tokens, ${killed} with the worker killed, ${seconds} s`);
    }
  }
  const counters = await sandbox.counters();
  if (counters.redirect_host_requests !== 0) problems.push('a redirect host was asked');
  if (counters.second_code_posts !== 0) problems.push('a code was posted twice');
  console.log(`flows: ${count}`);
  console.log(`tokens: ${tokens}`);
  console.log(`worker killed: ${killed}`);
  console.log(`reloaded by hand: ${reloads}`);
  console.log(`redirect host requests: ${counters.redirect_host_requests}`);
  console.log(`second POSTs of a code: ${counters.second_code_posts}`);
  for (const [reason, times] of reasons) console.log(`without a token: ${times} × ${reason}`);
} finally {
  await browser.close();
  await sandbox.stop();
}
for (const problem of problems) console.error(`soak: ${problem}`);
process.exitCode = problems.length === 0 ? 0 : 1;
