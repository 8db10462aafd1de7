#!/usr/bin/env node
// `cargo xtask soak`: many flows in a row, redirect kinds mixed at random, a third of them with the worker killed.
//
//   node soak.mjs [--browser chromium|firefox] [--flows 200] [--seed N]
//
// Prints the flows, the tokens, what reached the redirect hosts, the second POSTs of a code, and a reason for each flow
// that gave no token. Exits with 1 when anything reached a redirect host, a code was posted twice, a flow had no defined
// end, or something of a flow is left behind.

import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { launch } from './lib/browser.mjs';
import { browserName } from './lib/environment.mjs';
import { randomNumbers } from './lib/random.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Tokenkeep, clickAway, closeOthers } from './lib/tokenkeep.mjs';
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
const seed = options.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(options.seed);
if (!Number.isInteger(count) || count < 1 || !Number.isInteger(seed)) {
  console.error('soak: --flows takes a number from 1, --seed a whole number');
  process.exit(2);
}

const random = randomNumbers(seed);
const pick = (list) => list[Math.floor(random() * list.length)];

const KINDS = ['301', '302', '303', '307', '308', 'chained', 'javascript', 'meta'];
const TARGETS = ['live_https', 'live_loopback', 'dead_loopback', 'unknown'];
const KILLS = ['before the click', 'before the redirect', 'between capture and exchange'];

/** What one flow does, drawn before anything runs, so that the browser's pace does not change the order. */
function draw() {
  const kill = random() < 1 / 3 ? pick(KILLS) : null;
  return {
    kind: pick(KINDS),
    target: pick(TARGETS),
    kill,
    // The kill falls somewhere around capture and exchange: a few milliseconds after the answer left LinkedIn.
    delay: Math.floor(random() * 120),
    slowToken: kill === KILLS[2] && random() < 0.5,
  };
}

/** Runs one flow and returns its end: `Token`, a finding's code, or undefined when there is none. */
async function run({ sandbox, browser, tokenkeep }, profile, plan) {
  await sandbox.redirect(plan.kind);
  if (plan.slowToken) await sandbox.fault('token', { kind: 'delay', ms: 300 });
  if (plan.kill === KILLS[0]) await browser.killWorker();
  const flow = await tokenkeep.authorize(profile);
  const page = await flow.signIn();
  if (plan.kill === KILLS[1]) await browser.killWorker();
  const codes = (await sandbox.state()).codes.length;
  await clickAway(page, '#allow');
  if (plan.kill === KILLS[2]) {
    await until('a code is issued', async () => (await sandbox.state()).codes.length > codes, { every: 2 });
    await pause(plan.delay);
    await browser.killWorker();
    // Whatever the person does next wakes the worker.
    await (await browser.newPage()).close();
  }
  try {
    // Longer than the token request's own limit.
    return await until('the flow has ended', () => flow.outcomeNow(), { timeout: plan.kill === KILLS[2] ? 5_000 : 30_000 });
  } catch (error) {
    return (await giveUp(tokenkeep, flow, plan)) ?? console.log(await flow.whereabouts(error.message));
  }
}

/**
 * Firefox leaves a tab whose navigation was blocked at the page before: a worker that dies in the very moment in which it
 * is told of the redirect leaves no trace of it there. The flow waits on, the person sees that, and cancels.
 */
async function giveUp(tokenkeep, flow, plan) {
  const running = (await tokenkeep.engine()).flows[flow.id];
  const waits = running && Object.keys(running.phase)[0] === 'AwaitingRedirect';
  if (!waits || plan.kill !== KILLS[2]) return undefined;
  await tokenkeep.expand(flow.profile);
  await tokenkeep.click(`${tokenkeep.card(flow.profile)} .flow-cancel`);
  const outcome = await flow.outcome();
  return `redirect lost with the worker, then ${outcome}`;
}

/** Consent would be skipped for the same scopes, and a flow would be over before the worker can be killed in it. */
async function withdrawConsent(sandbox) {
  const { member } = sandbox.ready;
  await sandbox.reset();
  await sandbox.session(member.username);
}

const totals = { flows: 0, tokens: 0, redirectHostRequests: 0, secondPosts: 0, undefinedEnds: 0 };
const reasons = new Map();

async function soak(stage) {
  const { sandbox, tokenkeep, browser } = stage;
  const profiles = {};
  for (const target of TARGETS) profiles[target] = await tokenkeep.addSandboxProfile(target);
  for (let number = 1; number <= count; number += 1) {
    const plan = draw();
    await withdrawConsent(sandbox);
    const outcome = await run(stage, profiles[plan.target], plan);
    const counters = await sandbox.counters();
    totals.flows += 1;
    totals.redirectHostRequests += counters.redirect_host_requests;
    totals.secondPosts += counters.second_code_posts;
    const bad = counters.redirect_host_requests > 0 || counters.second_code_posts > 0 || outcome === undefined;
    if (outcome === 'Token') totals.tokens += 1;
    else if (outcome === undefined) totals.undefinedEnds += 1;
    else reasons.set(`${outcome}, ${plan.kill ?? 'worker alive'}`, (reasons.get(`${outcome}, ${plan.kill ?? 'worker alive'}`) ?? 0) + 1);
    if (bad) console.log(`flow ${number}: ${JSON.stringify({ ...plan, outcome, counters })}`);
    if (outcome === undefined) {
      await tokenkeep.startOver();
      for (const target of TARGETS) profiles[target] = await tokenkeep.addSandboxProfile(target);
    }
    await closeOthers(browser, tokenkeep.page);
    if (number % 25 === 0 || number === count) console.log(`${number} of ${count} flows, ${totals.tokens} tokens`);
  }
  let left;
  const nothing = async () => {
    const engine = await tokenkeep.engine();
    const owned = Object.values(engine.guards).flatMap((guard) => guard.rules);
    const rules = [...(await tokenkeep.sessionRules()), ...(await tokenkeep.lastingRules())].map((rule) => rule.id);
    left = {
      flows: Object.keys(engine.flows).length,
      rules: rules.filter((rule) => !owned.includes(rule)).length,
    };
    return left.flows + left.rules === 0;
  };
  // The rules of the last flow go a moment after its token came; what stays is told.
  await until('nothing is left', nothing, { timeout: 10_000 }).catch(() => {});
  return left;
}

let stage;
try {
  const sandbox = await Sandbox.start();
  stage = { sandbox };
  stage.browser = await launch(name, { sandbox });
  stage.tokenkeep = await Tokenkeep.open(stage.browser);
  await stage.tokenkeep.grantHosts();
  console.log(`${await stage.browser.browser.version()}, ${count} flows, seed ${seed}`);
  const left = await soak(stage);
  console.log('');
  console.log(`flows: ${totals.flows}`);
  console.log(`tokens: ${totals.tokens}`);
  console.log(`redirect host requests: ${totals.redirectHostRequests}`);
  console.log(`second POSTs of a code: ${totals.secondPosts}`);
  console.log(`flows without a defined end: ${totals.undefinedEnds}`);
  console.log(`flows left: ${left.flows}, rules that nobody owns: ${left.rules}`);
  for (const [reason, times] of [...reasons].sort()) console.log(`  without a token: ${times} × ${reason}`);
  if (totals.redirectHostRequests + totals.secondPosts + totals.undefinedEnds + left.flows + left.rules > 0) process.exitCode = 1;
} catch (error) {
  console.error(`soak: ${error.stack}`);
  process.exitCode = 1;
} finally {
  await stage?.browser?.close();
  await stage?.sandbox.stop();
}
