// A browser that does not run WebAssembly.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BROWSER } from './lib/stage.mjs';
import { launch } from './lib/browser.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';

const WAYS = {
  chromium: { 'JavaScript without its compiler': { args: ['--js-flags=--jitless'] } },
  firefox: { 'without WebAssembly': { preferences: { 'javascript.options.wasm': false, 'javascript.options.wasm_trustedprincipals': false } } },
};

for (const [name, options] of Object.entries(WAYS[BROWSER])) {
  test(`${name}: the page says so`, async (t) => {
    const sandbox = await Sandbox.start();
    t.after(() => sandbox.stop());
    const browser = await launch(BROWSER, { sandbox, ...options });
    t.after(() => browser.close());
    const tokenkeep = await Tokenkeep.open(browser);
    assert.equal(await tokenkeep.view(), 'view-broken');
    assert.match(await tokenkeep.text('#view-broken'), /WebAssembly/);
  });
}
