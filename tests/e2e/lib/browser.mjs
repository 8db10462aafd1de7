// One interface for both browsers.

import { Chromium } from './chromium.mjs';
import { Firefox } from './firefox.mjs';

const KINDS = { chromium: Chromium, firefox: Firefox };

/**
 * Starts a browser with the packed extension, unchanged, behind the sandbox's proxy.
 *
 * Options: `sandbox`; `headless` (default true); `prompts` (`allow`: `permissions.request` resolves true without a
 * prompt, as for hosts that were once agreed to, though none is active before it is asked for; `ask`: the browser
 * prompts); `profile` (a directory that is kept); `args` and `features` (Chromium), `preferences` (Firefox).
 */
export function launch(name, options) {
  return KINDS[name].launch(options);
}
