// One browser and one sandbox for the tests of a file.

import { after } from 'node:test';

import { launch } from './browser.mjs';
import { browserName } from './environment.mjs';
import { Sandbox } from './sandbox.mjs';
import { Tokenkeep } from './tokenkeep.mjs';

/** The browser under test. */
export const BROWSER = browserName();

/** Runs a test in this browser only; `reason` says why. */
export function onlyIn(browser, reason) {
  return BROWSER === browser ? {} : { skip: reason };
}

/** The first run again, with the hosts granted and the member signed in; `null`: signed in by cookie, if at all. */
export async function startFresh({ tokenkeep, sandbox, browser }, member = sandbox.ready.member.username) {
  await browser.setPrompts('allow');
  await tokenkeep.startOver();
  await tokenkeep.grantHosts();
  await sandbox.session(member);
}

/**
 * Starts sandbox and browser for the tests of a file and ends them after the last. The result holds `sandbox`, `browser`
 * and `tokenkeep`: a page of the extension at its first run, with the hosts granted.
 */
export async function stage(options = {}) {
  const on = {};
  after(async () => {
    await on.browser?.close();
    await on.sandbox?.stop();
  });
  on.sandbox = await Sandbox.start();
  on.browser = await launch(BROWSER, { sandbox: on.sandbox, ...options });
  on.tokenkeep = await Tokenkeep.open(on.browser);
  await on.tokenkeep.grantHosts();
  await on.tokenkeep.startOver();
  return on;
}
