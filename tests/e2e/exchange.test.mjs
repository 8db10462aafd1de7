// What the token endpoint may do wrong: each ends in a finding, the code is posted at most once, and the secret goes
// nowhere else.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { stage } from './lib/stage.mjs';
import { closeOthers } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const profile = await on.tokenkeep.addSandboxProfile('live_https');

beforeEach(async () => {
  const { sandbox, browser, tokenkeep } = on;
  await closeOthers(browser, tokenkeep.page);
  await sandbox.reset();
  const { app, member } = sandbox.ready;
  await sandbox.session(member.username);
  await sandbox.grant(app.client_id, member.username, ['openid', 'profile', 'email']);
});

const JSON_TYPE = 'application/json';
const answer = (status, body, content_type = JSON_TYPE) => ({ kind: 'answer', status, content_type, body });

/** Fault, then the words that the page must use. */
const FAULTS = {
  'an HTML page with 200': [answer(200, '<!doctype html><title>Proxy</title>', 'text/html'), /did not send JSON/],
  'an HTML page with 503': [answer(503, '<html>unavailable</html>', 'text/html'), /error of its own.*503/],
  '429': [answer(429, '{}'), /limiting requests/],
  '100 MB': [{ kind: 'huge', bytes: 100 * 1024 * 1024 }, /too large/],
  'half of an answer': [{ kind: 'cut' }, /broke off/],
  'a reset connection': [{ kind: 'reset' }, /could not be reached/],
  'an empty body': [answer(200, ''), /JSON|understood/],
  'JSON that is no object': [answer(200, '[]'), /understood/],
  'a JSON error with 200': [answer(200, '{"error":"invalid_request","error_description":"no"}'), /refused|understood/],
  'no access_token': [answer(200, '{"expires_in":10}'), /understood/],
  'a doubled key': [answer(200, '{"access_token":"a","access_token":"b","expires_in":10}'), /understood/],
  'invalid_client': [
    answer(401, '{"error":"invalid_client","error_description":"Client authentication failed"}'),
    /did not accept the client secret/,
  ],
  'a used code': [
    answer(
      400,
      '{"error":"invalid_request","error_description":"Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization code. Or authorization code expired. Or external member binding exists"}',
    ),
    /did not accept the code/,
  ],
};

for (const [name, [fault, words]] of Object.entries(FAULTS)) {
  test(`${name} ends in a finding`, async () => {
    const { sandbox, tokenkeep } = on;
    await sandbox.fault('token', fault, 10);
    const flow = await tokenkeep.authorize(profile);
    const outcome = await flow.outcome();
    assert.notEqual(outcome, 'Token');
    const finding = await tokenkeep.finding(profile);
    assert.match(finding.what, words);
    assert.ok(finding.why && finding.fix);
    const counters = await sandbox.counters();
    assert.equal(counters.token_posts, 1, 'one POST');
    assert.equal(counters.redirect_host_requests, 0);
  });
}

for (const status of [301, 302, 303, 307, 308]) {
  test(`a ${status} from the token endpoint is not followed`, async () => {
    const { sandbox, tokenkeep } = on;
    const second = await sandbox.page(`/second-${status}`, '{"access_token":"stolen","expires_in":10}');
    await sandbox.fault('token', { kind: 'redirect', status, location: second }, 10);
    const flow = await tokenkeep.authorize(profile);
    assert.equal(await flow.outcome(), 'token_redirected');
    assert.match((await tokenkeep.finding(profile)).what, /redirected/);
    const log = await sandbox.log();
    assert.deepEqual(log.filter(({ host }) => host === 'www.tokenkeep.test'), [], 'the second host heard nothing');
    assert.equal((await sandbox.counters()).token_posts, 1);
  });
}

test('a refusal after the endpoint hung for 20 s, and one POST', { timeout: 60_000 }, async () => {
  const { sandbox, tokenkeep } = on;
  await sandbox.fault('token', { kind: 'hang' }, 10);
  const flow = await tokenkeep.authorize(profile);
  await until('the POST is there', async () => (await sandbox.counters()).token_posts === 1);
  const started = performance.now();
  assert.equal(await flow.outcome(30_000), 'token_timeout');
  const waited = performance.now() - started;
  assert.ok(waited > 15_000 && waited < 26_000, `gave up after ${Math.round(waited)} ms`);
  assert.match((await tokenkeep.finding(profile)).what, /did not answer in time/);
  assert.equal((await sandbox.counters()).token_posts, 1);
});

test('a reset on a connection that was used before: the extension asks once, whatever the browser does', async () => {
  const { sandbox, tokenkeep } = on;
  assert.equal(await (await tokenkeep.authorize(profile)).outcome(), 'Token');
  // Both browsers repeat a request by themselves when a reused connection is closed before any answer. A page of the
  // extension sees the requests that the extension makes.
  await tokenkeep.page.evaluate(() => {
    globalThis.exchanges = [];
    chrome.webRequest.onBeforeRequest.addListener(({ requestId }) => exchanges.push(requestId), {
      urls: ['https://www.linkedin.com/oauth/v2/accessToken'],
    });
  });
  await sandbox.fault('token', { kind: 'reset' }, 1);
  await (await tokenkeep.authorize(profile)).outcome();
  const exchanges = await tokenkeep.page.evaluate(() => globalThis.exchanges);
  assert.equal(exchanges.length, 1);
});

test('a slow answer within the limit is taken', async () => {
  const { sandbox, tokenkeep } = on;
  await sandbox.fault('token', { kind: 'delay', ms: 1500 });
  const flow = await tokenkeep.authorize(profile);
  assert.equal(await flow.outcome(), 'Token');
});

test('after a failure the next authorization works', async () => {
  const { sandbox, tokenkeep } = on;
  await sandbox.fault('token', { kind: 'cut' }, 1);
  const flow = await tokenkeep.authorize(profile);
  assert.equal(await flow.outcome(), 'token_cut');
  const again = await tokenkeep.authorize(profile);
  assert.equal(await again.outcome(), 'Token');
  assert.equal((await sandbox.counters()).second_code_posts, 0);
});
