// What a screen reader and a keyboard find on each view, in both colour schemes, by axe-core's rules.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { stage } from './lib/stage.mjs';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const on = await stage();

/** No rule of axe-core is broken, light and dark. */
async function accessible(page, what) {
  // A page that nobody looks at draws no frames, and axe-core waits for some.
  await page.bringToFront();
  for (const scheme of ['light', 'dark']) {
    await on.browser.setColorScheme(page, scheme);
    // As a function of its own: the page's policy forbids inline scripts.
    await page.evaluate(`(() => { ${axe}\n })()`);
    const found = await page.evaluate(async () => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
    });
    assert.deepEqual(found, [], `${what}, ${scheme}`);
  }
}

test('the form, empty and with errors', async () => {
  const { tokenkeep } = on;
  await accessible(tokenkeep.page, 'the empty form');
  await tokenkeep.fillSetup({ client_id: '', client_secret: '', redirect_uri: 'nonsense', scope: '' });
  await tokenkeep.click('#setup_save');
  await accessible(tokenkeep.page, 'the form with errors');
});

test('a profile: without a token, under way, failed, with a token', async () => {
  const { tokenkeep, sandbox } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  await tokenkeep.expand(id);
  await accessible(tokenkeep.page, 'without a token');

  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  await tokenkeep.front();
  await accessible(tokenkeep.page, 'under way');
  await flow.page.close();
  await tokenkeep.finding(id);
  await tokenkeep.front();
  await accessible(tokenkeep.page, 'failed');

  await sandbox.session(sandbox.ready.member.username);
  await (await tokenkeep.authorize(id)).complete();
  await tokenkeep.inState(id, 'token');
  await tokenkeep.expand(id);
  await tokenkeep.front();
  await accessible(tokenkeep.page, 'with a token');
});
