// The extension is switched off and on in the middle of a flow.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Holder } from './lib/holder.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

test('profile and token stay, and nothing of the flow is left', async () => {
  const { tokenkeep, browser, sandbox } = on;
  await startFresh(on, null);
  const holder = await Holder.of(tokenkeep);
  await sandbox.reset();
  await (await tokenkeep.authorize(holder.id)).signIn();
  // A browser needs a tab that stays.
  await browser.newPage();
  await browser.switchOffAndOn();
  const again = await Tokenkeep.open(browser);
  await again.inState(holder.id, 'token');
  assert.equal(await again.storedToken(holder.id), holder.first.token.access_token);
  await again.send('Look');
  await until('the next look at the token is planned', async () => (await again.alarms()).some(({ name }) => name === 'tokens'));
  assert.deepEqual((await again.engine()).flows, {});
  assert.deepEqual(await again.sessionRules(), []);
  assert.deepEqual((await again.alarms()).map(({ name }) => name), ['tokens']);
});
