// What a screen reader and a keyboard find on each view, in both colour schemes, by axe-core's rules.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { axeViolations } from './lib/look.mjs';
import { stage } from './lib/stage.mjs';

const on = await stage();

/** No rule of axe-core is broken, light and dark. */
async function accessible(page, what) {
  // A page that nobody looks at draws no frames, and axe-core waits for some.
  await page.bringToFront();
  for (const scheme of ['light', 'dark']) {
    await on.browser.setColorScheme(page, scheme);
    assert.deepEqual(await axeViolations(page), [], `${what}, ${scheme}`);
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

test('the form that a click opens in the place of the list takes the focus', async () => {
  const { tokenkeep } = on;
  await tokenkeep.startOver();
  const focused = () => tokenkeep.page.evaluate(() => document.activeElement.id);
  assert.notEqual(await focused(), 'setup_title', 'not on the first run');
  const id = await tokenkeep.addSandboxProfile('live_https');
  await tokenkeep.edit(id);
  assert.equal(await focused(), 'setup_title');
  await tokenkeep.click('#setup_cancel');
  await tokenkeep.shown('view-home');
  await tokenkeep.click('#add_profile');
  assert.equal(await focused(), 'setup_title');
});
