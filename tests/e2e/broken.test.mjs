// A browser that does not run WebAssembly.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BROWSER } from './lib/stage.mjs';
import { WITHOUT_WEBASSEMBLY, launch } from './lib/browser.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';

test(`${BROWSER} without WebAssembly: the page says so`, async (t) => {
  const sandbox = await Sandbox.start();
  t.after(() => sandbox.stop());
  const browser = await launch(BROWSER, { sandbox, ...WITHOUT_WEBASSEMBLY[BROWSER] });
  t.after(() => browser.close());
  const tokenkeep = await Tokenkeep.open(browser);
  assert.equal(await tokenkeep.view(), 'view-broken');
  assert.match(await tokenkeep.text('#view-broken'), /WebAssembly/);
});
