// The traces of flows and renewals, and that nothing secret is in them, whatever the server says back.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { stage } from './lib/stage.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

/** The manager at one of its sections. */
async function manager(section) {
  const page = await on.browser.openExtensionPage(`manager.html#${section}`);
  const opened = new Tokenkeep(on.browser, page);
  await opened.shown(`view-${section}`);
  return opened;
}

async function traces(id) {
  const key = `trace:${id}`;
  return (await on.tokenkeep.local(key))[key] ?? [];
}

/** Waits for so many traces that have ended. */
function ended(id, count) {
  return until(`${count} traces have ended`, async () => {
    const all = await traces(id);
    return all.length === count && all.every(({ outcome }) => outcome !== null) && all;
  });
}

test('a flow leaves its steps, and the page shows, copies and clears them', async () => {
  const { tokenkeep, sandbox, browser } = on;
  await sandbox.session(sandbox.ready.member.username);
  const id = await tokenkeep.addSandboxProfile('live_https', { name: 'My app' });
  const page = await manager('traces');
  assert.equal(await page.visible('#traces_none'), true);
  assert.equal(await page.visible('#traces_copy'), false);
  await tokenkeep.front();
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  await until('the flow shows as under way', async () => (await page.text('.trace-state')) === 'Under way');
  await flow.complete();
  const [trace] = await ended(id, 1);
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
  await page.click('#traces_copy');
  await until('it is copied', async () => (await page.text('#traces_copy')) === 'Copied');
  const report = await browser.readClipboard();
  assert.match(report, /^### authorization: token_stored$/m);
  assert.match(report, /grant_type: authorization_code/);
  assert.ok(!report.includes('My app'));
  await page.click('#traces_clear');
  await until('they are gone', () => page.visible('#traces_none'));
  assert.deepEqual(await traces(id), []);
  await page.page.close();
});

test('nothing secret is in any trace, report, exported file, title, address or console', async () => {
  const { tokenkeep, sandbox, browser } = on;
  await tokenkeep.startOver();
  await tokenkeep.grantHosts();
  await sandbox.session(sandbox.ready.member.username);
  const printed = await browser.collectConsole();
  tokenkeep.page.on('console', (message) => printed.push?.(message.text()));
  const { client_id, client_secret } = sandbox.ready.refresh_app;
  const id = await tokenkeep.addSandboxProfile('live_https', { client_id, client_secret, scope: 'openid profile email' });
  const states = [];
  const begun = async () => {
    const flow = await tokenkeep.authorize(id);
    await flow.signIn();
    states.push(await flow.stateParameter());
    return flow;
  };
  const secrets = new Map([['secret', client_secret]]);
  const keep = async (name) => {
    const { token } = (await tokenkeep.local(`token:${id}`))[`token:${id}`];
    for (const member of ['access_token', 'refresh_token', 'id_token']) secrets.set(`${name} ${member}`, token[member]);
  };
  const renew = async () => {
    const before = (await sandbox.tokenRequests()).length;
    await tokenkeep.front();
    await tokenkeep.expand(id);
    await tokenkeep.click(`${tokenkeep.card(id)} .profile-renew`);
    await until('the renewal is sent', async () => (await sandbox.tokenRequests()).length > before);
  };

  const good = await begun();
  await good.consent();
  assert.equal(await good.outcome(), 'Token');
  await keep('first');
  await ended(id, 1);
  await renew();
  await ended(id, 2);
  await keep('renewed');

  // A server that says back all that it was told, and in its own encoding as well.
  const echo = () => {
    const known = [...secrets.values(), ...states].filter(Boolean);
    return [...known, ...known.map(encodeURIComponent)].join(' ');
  };
  const say = (status, body, content_type = 'application/json') =>
    sandbox.fault('token', { kind: 'answer', status, content_type, body });
  await say(400, JSON.stringify({ error: 'invalid_request', error_description: echo() }));
  await renew();
  await ended(id, 3);
  await sandbox.revoke(client_id, sandbox.ready.member.username);
  const refused = await begun();
  await say(401, `<html><p>${echo()}</p></html>`, 'text/html');
  await refused.consent();
  assert.notEqual(await refused.outcome(), 'Token');
  await ended(id, 4);

  for (const [index, { form }] of (await sandbox.tokenRequests()).entries()) {
    for (const name of ['code', 'code_verifier']) if (form[name]) secrets.set(`${name} ${index}`, form[name]);
  }
  states.forEach((state, index) => secrets.set(`state ${index}`, state));

  const page = await manager('traces');
  await until('all traces show', async () => (await page.page.$$('.trace')).length === 4);
  await page.click('#traces_copy');
  await until('it is copied', async () => (await page.text('#traces_copy')) === 'Copied');
  const report = await browser.readClipboard();
  const shown = await page.text('#traces');
  await page.page.evaluate(() => void (location.hash = 'transfer'));
  await page.shown('view-transfer');
  await page.click('#export_copy');
  await until('it is copied', async () => (await page.text('#export_copy')) === 'Copied');
  const file = await browser.readClipboard();
  assert.equal(JSON.parse(file).profiles.length, 1);
  const lines = printed.read ? await printed.read() : printed;
  const tabs = await browser.tabs();
  const everything = { traces: await traces(id), report, shown, file, lines, tabs };
  assert.match(report, /### renewal: /);
  for (const [where, what] of Object.entries(everything)) {
    const seen = JSON.stringify(what);
    for (const [name, value] of secrets) {
      if (!value) continue;
      assert.ok(value.length > 10, `${name} is known`);
      for (const form of [value, encodeURIComponent(value)]) assert.ok(!seen.includes(form), `${name} in ${where}`);
    }
  }
  for (const wanted of ['secret', 'first access_token', 'first refresh_token', 'first id_token', 'code 0', 'state 1']) {
    assert.ok(secrets.get(wanted), `${wanted} was looked for`);
  }
  await page.page.close();
});

test('a worker that is killed while the person signs in leaves a whole trace', async () => {
  const { tokenkeep, sandbox, browser } = on;
  await tokenkeep.startOver();
  await sandbox.session(sandbox.ready.member.username);
  const id = await tokenkeep.addSandboxProfile('live_https');
  const flow = await tokenkeep.authorize(id);
  await flow.signIn();
  await until('the beginning is written', async () => (await traces(id)).length === 1);
  await browser.killWorker();
  await flow.consent();
  assert.equal(await flow.outcome(), 'Token');
  const [trace] = await ended(id, 1);
  const steps = trace.steps.map(({ what }) => what);
  for (const what of ['started', 'authorization_request', 'worker_started', 'callback', 'token_answer', 'ended']) {
    assert.ok(steps.includes(what), `${what} in ${steps}`);
  }
  assert.equal(trace.outcome, 'token_stored');
});
