#!/usr/bin/env node
// `cargo xtask demo`: the main job in a real browser, with the sandbox in LinkedIn's place.
//
//   node demo.mjs [--browser chromium|firefox] [--headless]
//
// Headless it does the job itself, prints each step with its time, and exits with 0 when the token is on the clipboard
// and the redirect host heard nothing. Otherwise it opens the browser with the form filled in and waits until it is closed.

import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { launch } from './lib/browser.mjs';
import { browserName, screenshotDirectory } from './lib/environment.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Tokenkeep, clickAway } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const { values: options } = parseArgs({
  options: { browser: { type: 'string' }, headless: { type: 'boolean', default: false } },
});
const name = browserName(options.browser);

const started = performance.now();
let last = started;

/** Prints a step and how long it took. */
function step(text) {
  const now = performance.now();
  console.log(`${String(Math.round(now - last)).padStart(6)} ms  ${text}`);
  last = now;
}

const shots = [];
async function screenshot(page, title) {
  const path = join(screenshotDirectory(), `demo-${name}-${title}.png`);
  await page.screenshot({ path });
  shots.push(path);
  last = performance.now();
}

/** The popup's size, so that the pictures look like the popup. */
async function popupSize(page) {
  await page.setViewport({ width: 380, height: 600 });
}

/** First characters, last characters, and nothing in between. */
const mask = (token) => `${token.slice(0, 6)}…${token.slice(-4)} (${token.length} characters)`;

function setup(sandbox) {
  const { app, redirect_hosts: hosts } = sandbox.ready;
  return {
    client_id: app.client_id,
    client_secret: app.client_secret,
    redirect_uri: hosts.live_https,
    scope: 'openid profile email',
    name: 'Demo',
  };
}

async function drive(sandbox, browser) {
  const tokenkeep = await Tokenkeep.open(browser);
  await popupSize(tokenkeep.page);
  await tokenkeep.fillSetup(setup(sandbox));
  step('the form is filled in: Client ID, Client secret, redirect URI, scopes');
  for (const scheme of ['light', 'dark']) {
    await browser.setColorScheme(tokenkeep.page, scheme);
    await screenshot(tokenkeep.page, `1-setup-${scheme}`);
  }
  await browser.setColorScheme(tokenkeep.page, 'light');

  await tokenkeep.click('#setup_submit');
  const profile = await until('the profile is saved', async () => (await tokenkeep.index())[0]?.id);
  const flow = await tokenkeep.startedFlow(profile);
  const page = await flow.tab();
  step('click on Save and authorize: access to the hosts allowed, block rule set, LinkedIn opened in a tab');

  await flow.signIn();
  step('signed in; LinkedIn asks for consent');
  await screenshot(page, '2-consent');
  await tokenkeep.front();
  await tokenkeep.inState(profile, 'running');
  await screenshot(tokenkeep.page, '3-running-light');

  await clickAway(page, '#allow');
  const outcome = await flow.outcome();
  if (outcome !== 'Token') throw new Error(`the flow ended with ${outcome}`);
  step('click on Allow: redirect captured before it left the browser, code exchanged, token stored, tab closed');

  await tokenkeep.inState(profile, 'token');
  await tokenkeep.expand(profile);
  for (const scheme of ['light', 'dark']) {
    await browser.setColorScheme(tokenkeep.page, scheme);
    await screenshot(tokenkeep.page, `4-token-${scheme}`);
  }
  await browser.setColorScheme(tokenkeep.page, 'light');
  await tokenkeep.click(`${tokenkeep.card(profile)} .profile-main`);
  const token = await tokenkeep.storedToken(profile);
  await until('the token is on the clipboard', async () => (await browser.readClipboard()) === token);
  step(`click on Copy token: on the clipboard, ${mask(token)}`);

  const counters = await sandbox.counters();
  console.log(`\ntoken requests: ${counters.token_posts}`);
  console.log(`redirect host requests: ${counters.redirect_host_requests}`);
  console.log(`all in ${((performance.now() - started) / 1000).toFixed(1)} s; screenshots:`);
  for (const path of shots) console.log(`  ${path}`);
  if (counters.redirect_host_requests !== 0) throw new Error('the redirect host was contacted');
}

async function hand(sandbox, browser) {
  const { member } = sandbox.ready;
  const tokenkeep = await Tokenkeep.open(browser);
  for (const { page } of await browser.pages()) {
    if (page !== tokenkeep.page) await page.close();
  }
  await browser.admin?.close();
  await tokenkeep.fillSetup(setup(sandbox));
  await tokenkeep.front();
  console.log('\nThe form is filled in. Click "Save and authorize"; the page that follows stands in for LinkedIn.');
  console.log(`Sign in there as ${member.username} with the password ${member.password}.`);
  console.log('Close the browser to end the demo.');
  await browser.closed();
  console.log('The browser was closed.');
}

let sandbox;
let browser;
try {
  sandbox = await Sandbox.start();
  step('sandbox started in place of www.linkedin.com');
  browser = await launch(name, { sandbox, headless: options.headless, prompts: options.headless ? 'allow' : 'ask' });
  step(`${await browser.browser.version()} started with the packed extension`);
  await (options.headless ? drive : hand)(sandbox, browser);
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
} finally {
  await browser?.close();
  await sandbox?.stop();
}
