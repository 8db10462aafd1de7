// One browser and one sandbox for the tests of a file.

import { after, before } from 'node:test';

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

/**
 * Starts sandbox and browser before the tests of a file and ends them after. The returned object holds `sandbox`,
 * `browser` and `tokenkeep` (a page of the extension, with the hosts granted unless `grant` is false).
 */
export function stage({ grant = true, ...options } = {}) {
  const all = {};
  before(async () => {
    all.sandbox = await Sandbox.start();
    all.browser = await launch(BROWSER, { sandbox: all.sandbox, ...options });
    all.tokenkeep = await Tokenkeep.open(all.browser);
    if (grant) await all.tokenkeep.grantHosts();
    await all.tokenkeep.startOver();
  });
  after(async () => {
    await all.browser?.close();
    await all.sandbox?.stop();
  });
  return all;
}
