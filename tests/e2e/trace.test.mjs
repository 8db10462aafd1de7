// The traces of flows and renewals; canary.test.mjs looks for secrets in them.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Manager } from './lib/manager.mjs';
import { stage } from './lib/stage.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

test('a flow leaves its steps, and the page shows, copies and clears them', async () => {
  const { tokenkeep, sandbox, browser } = on;
  await sandbox.session(sandbox.ready.member.username);
  const id = await tokenkeep.addSandboxProfile('live_https', { name: 'My app' });
  const page = await Manager.at(browser, 'traces');
  assert.equal(await page.visible('#traces_none'), true);
  assert.equal(await page.visible('#traces_copy'), false);
  await tokenkeep.front();
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  await until('the flow shows as under way', async () => (await page.text('.trace-state')) === 'Under way');
  await flow.complete();
  const [trace] = await tokenkeep.tracesEnded(id, 1);
  assert.deepEqual(
    trace.steps.map(({ what }) => what),
    [
      'started',
      'tab_opened',
      'rules_set',
      'authorization_request',
      'callback',
      'access_check',
      'access_checked',
      'token_request',
      'token_answer',
      'token_stored',
      'ended',
    ],
  );
  const answer = trace.steps.find(({ what }) => what === 'token_answer').detail;
  assert.match(answer, /^status: 200$/m);
  assert.match(answer, /^expires_in: \d+$/m);
  assert.ok(JSON.stringify(trace).length < 16_384);

  await page.front();
  await until('the page shows the end', async () => (await page.text('.trace-state')) === 'Token stored');
  await page.click('.trace summary');
  assert.equal(await page.text('.trace-step:nth-child(4) .trace-step-what'), 'Authorization request');
  assert.match(await page.text('.trace-step:nth-child(4) .trace-step-detail'), /^state: \[redacted\]$/m);
  const report = await page.copied('#traces_copy');
  assert.match(report, /^### authorization: token_stored$/m);
  assert.match(report, /grant_type: authorization_code/);
  assert.ok(!report.includes('My app'));
  await page.click('#traces_clear');
  await until('they are gone', () => page.visible('#traces_none'));
  assert.deepEqual(await tokenkeep.traces(id), []);
  await page.page.close();
});

test('a worker that is killed while the person signs in leaves a whole trace', async () => {
  const { tokenkeep, sandbox, browser } = on;
  await tokenkeep.startOver();
  await sandbox.session(sandbox.ready.member.username);
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  await until('the beginning is written', async () => (await tokenkeep.traces(id)).length === 1);
  await browser.killWorker();
  await flow.consent();
  assert.equal(await flow.outcome(), 'Token');
  const [trace] = await tokenkeep.tracesEnded(id, 1);
  const steps = trace.steps.map(({ what }) => what);
  for (const what of ['started', 'authorization_request', 'worker_started', 'callback', 'token_answer', 'ended']) {
    assert.ok(steps.includes(what), `${what} in ${steps}`);
  }
  assert.equal(trace.outcome, 'token_stored');
});
