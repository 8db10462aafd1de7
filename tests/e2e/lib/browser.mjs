// One interface for both browsers.

import { Chromium } from './chromium.mjs';
import { Firefox } from './firefox.mjs';

/** Options of a browser that does not run WebAssembly. */
export const WITHOUT_WEBASSEMBLY = {
  chromium: { args: ['--js-flags=--jitless'] },
  firefox: { preferences: { 'javascript.options.wasm': false, 'javascript.options.wasm_trustedprincipals': false } },
};

const KINDS = { chromium: Chromium, firefox: Firefox };

/**
 * Starts a browser with the packed extension, unchanged, behind the sandbox's proxy.
 *
 * Options: `sandbox`; `headless` (default true); `prompts` (`allow`: `permissions.request` resolves true without a
 * prompt, as for hosts that were once agreed to, though none is active before it is asked for; `ask`: the browser
 * prompts); `profile` (a directory that is kept); `args` and `features` (Chromium), `preferences` (Firefox).
 */
export function launch(name, options) {
  endOnSignals();
  return KINDS[name].launch(options);
}

let listening = false;

/** A signal ends this process by its own exit, on which it ends its browsers. */
function endOnSignals() {
  if (listening) return;
  listening = true;
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) {
    process.once(signal, () => process.exit(128 + number));
  }
}
