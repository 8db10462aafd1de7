// What LinkedIn's servers say of a stored token: the test call, introspection, settling, revocation.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { Check } from './lib/check.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const MINUTE_MS = 60_000;
const INTROSPECT = 'POST /oauth/v2/introspectToken';
const USERINFO = 'GET /v2/userinfo';

beforeEach(async () => {
  const { tokenkeep } = on;
  await startFresh(on);
  await tokenkeep.removeHosts();
  await tokenkeep.grantHosts();
});

const answer = (status, body = '', content_type = 'application/json') => ({
  kind: 'answer',
  status,
  content_type,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const REVOKED = {
  status: 401,
  serviceErrorCode: 65601,
  code: 'REVOKED_ACCESS_TOKEN',
  message: 'The token used in the request has been revoked by the user',
};

/** A token that LinkedIn's caches know. */
async function old(check) {
  await check.change({ obtained_ms: Date.now() - 10 * MINUTE_MS });
}

describe('a token that works', () => {
  test('answers with the name, and introspection agrees', async () => {
    const { tokenkeep, sandbox } = on;
    const check = await Check.of(tokenkeep);
    assert.ok(!(await tokenkeep.hosts()).includes('https://api.linkedin.com/*'), 'nobody asked for the API before the click');
    assert.equal(await tokenkeep.visible(`${check.card} .token-check`), false);
    const said = await check.test('works');
    assert.equal(said.result, 'Works. LinkedIn answered as Member One.');
    assert.match(said.at, /^Tested .+\. Introspection: active\.$/);
    assert.equal(said.what, undefined);
    assert.equal(await tokenkeep.text(`${check.card} .account-mark`), 'MO');
    assert.match(await tokenkeep.text(`${check.card} .token-account`), /Member One/);
    assert.deepEqual((await check.asked()).sort(), [USERINFO, INTROSPECT].sort());

    const log = await sandbox.log();
    const token = await tokenkeep.storedToken(check.id);
    const call = log.find(({ path }) => path === '/v2/userinfo');
    assert.equal(call.headers.authorization, `Bearer ${token}`);
    assert.equal(call.headers['linkedin-version'], undefined);
    assert.equal(call.headers.cookie, false);
    assert.equal(call.headers.referer, undefined);
    const introspection = log.find(({ path }) => path === '/oauth/v2/introspectToken');
    const { client_id, client_secret } = sandbox.ready.app;
    assert.deepEqual(introspection.form, { client_id, client_secret, token });
    assert.equal(introspection.headers.cookie, false);
  });

  test('of an app with pages: the versioned API, with a version that lives', async () => {
    const { tokenkeep, sandbox } = on;
    const { client_id, client_secret } = sandbox.ready.community_app;
    const check = await Check.of(tokenkeep, { client_id, client_secret, scope: 'rw_organization_admin' });
    const said = await check.test('works');
    assert.equal(said.result, 'Works. LinkedIn answered.');
    const call = (await sandbox.log()).find(({ host }) => host === 'api.linkedin.com');
    assert.equal(`${call.path}?${call.raw_query}`, '/rest/organizationAcls?q=roleAssignee');
    assert.match(call.headers['linkedin-version'], /^20\d{4}$/);
  });

  test('that may only write is asked about by introspection, and no call is made', async () => {
    const check = await Check.of(on.tokenkeep, { scope: 'w_member_social' });
    const said = await check.test('active');
    assert.match(said.result, /says that the token is active.*no call that only reads/);
    assert.deepEqual(await check.asked(), [INTROSPECT]);
    assert.ok(!(await on.tokenkeep.hosts()).includes('https://api.linkedin.com/*'), 'the API was not asked for');
  });

  test('of a native app is tried without introspection', async () => {
    const { tokenkeep, sandbox } = on;
    await tokenkeep.grantHosts(['http://127.0.0.1/*']);
    const { client_id } = sandbox.ready.native_app;
    const check = await Check.of(tokenkeep, {
      provider: 'linkedin-native',
      client_id,
      client_secret: '',
      redirect_uri: 'http://127.0.0.1:8585/callback',
    });
    assert.equal((await check.test('works')).result, 'Works. LinkedIn answered as Member One.');
    assert.deepEqual(await check.asked(), [USERINFO]);
  });

  test('fifty commands at once are one request', async () => {
    const { tokenkeep, sandbox } = on;
    const check = await Check.of(tokenkeep);
    await tokenkeep.grantHosts(['https://api.linkedin.com/*']);
    await sandbox.fault('userinfo', { kind: 'delay', ms: 800 });
    const replies = await tokenkeep.sendAll(Array(50).fill({ TestToken: { profile: check.id } }));
    assert.deepEqual(new Set(replies), new Set(['Done']));
    assert.equal((await check.asked()).length, 2);
  });

  test('the page is closed in the middle: the next one shows the answer', async () => {
    const { tokenkeep, sandbox, browser } = on;
    const check = await Check.of(tokenkeep);
    await sandbox.fault('userinfo', { kind: 'delay', ms: 1500 });
    await tokenkeep.click(`${check.card} .token-test`);
    await until('the call is under way', async () => (await check.asked()).includes(USERINFO));
    await browser.newPage();
    await tokenkeep.page.close();
    on.tokenkeep = await Tokenkeep.open(browser);
    const again = new Check(on.tokenkeep, check.id);
    await on.tokenkeep.expand(check.id);
    await again.result('works');
    assert.equal((await again.asked()).length, 2);
  });

  test('what was said of an older token is not shown for a newer one', async () => {
    const { tokenkeep } = on;
    const check = await Check.of(tokenkeep);
    await check.test('works');
    // LinkedIn asks nothing while a grant lives.
    assert.equal(await (await tokenkeep.authorize(check.id)).outcome(), 'Token');
    await until('nothing is said any more', async () => (await check.shown()).state === 'none');
    assert.equal(await tokenkeep.visible(`${check.card} .token-check`), false);
  });

  test('an end that introspection states counts', async () => {
    const { tokenkeep, sandbox } = on;
    const check = await Check.of(tokenkeep);
    const end = Math.floor(Date.now() / 1000) + 3 * 86_400;
    await sandbox.fault('introspection', answer(200, { active: true, status: 'active', expires_at: end }));
    await check.test('works');
    assert.match(await tokenkeep.text(`${check.card} .token-left`), /^[23] days? left$/);
  });
});

describe('a token that does not', () => {
  for (const status of ['expired', 'revoked']) {
    test(`introspection says ${status} of one that the API takes`, async () => {
      const check = await Check.of(on.tokenkeep);
      await on.sandbox.fault('introspection', answer(200, { active: false, status }));
      const said = await check.test('works');
      assert.match(said.what, new RegExp(status));
      assert.match(said.at, new RegExp(`Introspection: ${status}\\.`));
      assert.match(said.evidence, /"active":false/);
    });
  }

  test('the member removed the app: both servers say so, and authorizing again helps', async () => {
    const { tokenkeep, sandbox } = on;
    const check = await Check.of(tokenkeep);
    await old(check);
    const { app, member } = sandbox.ready;
    await sandbox.revoke(app.client_id, member.username);
    const said = await check.test('failed');
    assert.match(said.what, /revoked/);
    assert.match(said.at, /Introspection: revoked\./);
    assert.match(said.evidence, /HTTP 401 REVOKED_ACCESS_TOKEN 65601[^]*request id: /);
    assert.equal(said.button, 'Authorize again');
    const again = () => tokenkeep.click(`${check.card} .token-check .finding-action`);
    await (await tokenkeep.flowBy(check.id, again)).complete();
    await tokenkeep.inState(check.id, 'token');
    await tokenkeep.expand(check.id);
    await check.test('works');
  });

  test('the client secret is wrong: the token works, and the finding says what does not', async () => {
    const check = await Check.of(on.tokenkeep);
    await on.sandbox.fault(
      'introspection',
      answer(401, { error: 'invalid_client', error_description: 'Client authentication failed' }),
    );
    const said = await check.test('works');
    assert.match(said.what, /did not accept the client secret/);
    await on.tokenkeep.click(`${check.card} .token-check .finding-action`);
    await on.tokenkeep.shown('view-setup');
  });

  for (const status of [301, 302, 303, 307, 308]) {
    test(`a ${status} of the API is not followed, and the second host hears nothing`, async () => {
      const { sandbox } = on;
      const check = await Check.of(on.tokenkeep);
      const second = await sandbox.page(`/second-${status}`, '{"sub":"stolen","name":"Nobody"}');
      for (const endpoint of ['userinfo', 'introspection']) {
        await sandbox.fault(endpoint, { kind: 'redirect', status, location: second });
      }
      const said = await check.test('failed');
      assert.match(said.what, /api\.linkedin\.com redirected/);
      const log = await sandbox.log();
      assert.deepEqual(log.filter(({ host }) => host === 'www.tokenkeep.test'), []);
    });
  }

  for (const [name, fault, words] of [
    ['a reset connection', { kind: 'reset' }, /No answer came from api\.linkedin\.com/],
    ['half an answer', { kind: 'cut' }, /No answer came from api\.linkedin\.com/],
    ['too much', { kind: 'huge', bytes: 2_000_000 }, /No answer came from api\.linkedin\.com/],
    ['a login page', answer(200, '<html>Welcome to the hotel</html>', 'text/html'), /answer is not LinkedIn’s/],
  ]) {
    test(`${name} says nothing of the token`, async () => {
      const check = await Check.of(on.tokenkeep);
      // A browser repeats a request by itself on a connection that was used before, and more than once.
      await on.sandbox.fault('userinfo', fault, 20);
      const said = await check.test('failed');
      assert.match(said.what, words);
      assert.ok(said.why && said.fix && said.evidence);
    });
  }
});

describe('a fresh token that LinkedIn does not know everywhere yet', () => {
  test('is tried again by itself until it works', async () => {
    const { tokenkeep, sandbox } = on;
    await sandbox.quirks({ slow_activation_seconds: 3600 });
    const check = await Check.of(tokenkeep);
    const said = await check.test('settling');
    assert.match(said.result, /^Next try in \d+ sec\.$/);
    assert.match(said.what, /does not know the new token everywhere yet/);
    assert.match(said.evidence, /65601/);
    assert.equal(said.button, undefined);
    const alarms = await tokenkeep.alarms();
    assert.ok(alarms.some(({ name }) => name === `check:${check.id}`), 'an alarm stands for a page that is closed');
    await sandbox.quirks({});
    await check.result('works');
    const asked = async () => (await check.asked()).filter((line) => line === USERINFO).length;
    const before = await asked();
    // A busy machine may have tried once more before LinkedIn knew it.
    assert.ok(before >= 2);
    // A page and an alarm that come late for the same retry find nothing to do.
    await tokenkeep.sendAll(Array(5).fill({ TryAgain: { profile: check.id } }));
    assert.equal(await asked(), before);
    assert.ok(!(await tokenkeep.alarms()).some(({ name }) => name === `check:${check.id}`));
  });

  test('is tried again by the alarm, without a page and after the worker was stopped', { timeout: 90_000 }, async () => {
    const { tokenkeep, sandbox } = on;
    await sandbox.quirks({ slow_activation_seconds: 3600 });
    const check = await Check.of(tokenkeep);
    await check.test('settling');
    await sandbox.quirks({});
    const before = (await check.asked()).filter((line) => line === USERINFO).length;
    const again = async () => (await check.asked()).filter((line) => line === USERINFO).length > before;
    await tokenkeep.asleep('it was tried again', again, { timeout: 60_000 });
    await tokenkeep.expand(check.id);
    await check.result('works');
  });

  test('is called dead when the five minutes are over', async () => {
    const check = await Check.of(on.tokenkeep);
    await on.sandbox.fault('userinfo', answer(401, REVOKED), 10);
    await check.test('settling');
    await check.change({ obtained_ms: Date.now() - 5 * MINUTE_MS });
    const said = await check.result('failed');
    assert.match(said.what, /was revoked/);
    assert.equal((await check.record()).next_ms, null);
  });

  test('a 403 settles too, but not for a scope that the token lacks', async () => {
    const check = await Check.of(on.tokenkeep);
    const denied = (operation) =>
      answer(403, { status: 403, serviceErrorCode: 100, code: 'ACCESS_DENIED', message: `Not enough permissions to access: ${operation}` });
    await on.sandbox.fault('userinfo', denied('userinfo.GET.NO_VERSION'));
    await check.test('settling');
    await on.sandbox.fault('userinfo', denied('me.GET.NO_VERSION'));
    const said = await check.test('failed');
    assert.match(said.what, /may not read \/v2\/me/);
  });
});

describe('the hosts', () => {
  test('nothing is sent before they are granted; then it is, without a second click', async () => {
    const { tokenkeep, browser } = on;
    const check = await Check.of(tokenkeep);
    await browser.setPrompts('ask');
    await tokenkeep.click(`${check.card} .token-test`);
    await until('it waits', async () => (await check.shown()).state === 'waiting');
    assert.deepEqual(await check.asked(), []);
    await browser.killWorker();
    await browser.setPrompts('allow');
    await tokenkeep.grantHosts(['https://api.linkedin.com/*']);
    await check.result('works');
    assert.equal((await check.asked()).length, 2);
  });

  test('refused, it says so, and its button asks again', async () => {
    const { tokenkeep, browser } = on;
    const check = await Check.of(tokenkeep);
    await browser.setPrompts('ask');
    await tokenkeep.click(`${check.card} .token-test`);
    await until('it waits', async () => (await check.shown()).state === 'waiting');
    // What the page says when the person refuses.
    await tokenkeep.send({ PermissionAnswered: { profile: check.id, granted: false } });
    const said = await check.result('failed');
    assert.match(said.what, /did not allow access to .*api\.linkedin\.com/);
    assert.equal(said.button, 'Allow access');
    assert.deepEqual(await check.asked(), []);
    await browser.setPrompts('allow');
    await tokenkeep.reload();
    await tokenkeep.expand(check.id);
    await tokenkeep.click(`${check.card} .token-check .finding-action`);
    await check.result('works');
  });
});

describe('a revocation', () => {
  test('that is done: the token is dead, and stays here until the person removes it', async () => {
    const { tokenkeep, sandbox } = on;
    const check = await Check.of(tokenkeep);
    await check.test('works');
    const said = await check.revoke();
    assert.equal(said.result, 'LinkedIn accepted the revocation. LinkedIn now says that the token is not active.');
    assert.equal(said.what, undefined);
    const request = (await sandbox.log()).find(({ path }) => path === '/oauth/v2/revoke');
    const { client_id, client_secret } = sandbox.ready.app;
    const token = await tokenkeep.storedToken(check.id);
    assert.deepEqual(request.form, { client_id, client_secret, token });
    assert.ok(token, 'the stored token is untouched');
    const after = await check.test('failed');
    assert.match(after.what, /revoked/, 'what we ended ourselves does not settle');
    await tokenkeep.click(`${check.card} .token-remove`);
    await tokenkeep.inState(check.id, 'ready');
    const local = await tokenkeep.local();
    assert.ok(!(`token:${check.id}` in local) && !(`check:${check.id}` in local));
  });

  for (const [name, fault, words] of [
    ['where there is no endpoint', answer(404, '<html>Not found</html>', 'text/html'), /did not revoke the token \(HTTP 404\)/],
    ['that nobody answers', { kind: 'reset' }, /No answer came from www\.linkedin\.com/],
  ]) {
    test(`${name} says that the token is still active`, async () => {
      const { tokenkeep, sandbox } = on;
      const check = await Check.of(tokenkeep);
      await sandbox.fault('revocation', fault, 20);
      const said = await check.revoke();
      assert.match(said.what, words);
      assert.equal(said.result, 'LinkedIn still says that the token is active.');
      assert.ok(said.evidence);
      assert.match(await tokenkeep.text(`${check.card} .revoke .hint`), /documents no way.*Permitted services/);
      assert.ok(await tokenkeep.visible(`${check.card} .token-permitted`));
      assert.equal(await tokenkeep.state(check.id), 'token');
    });
  }

  test('after which introspection can’t be asked does not pretend to know', async () => {
    const check = await Check.of(on.tokenkeep);
    await on.sandbox.fault('introspection', answer(503));
    const said = await check.revoke();
    assert.equal(said.result, 'LinkedIn accepted the revocation. Whether the token still works is not known.');
  });
});

test('no token or secret in titles, addresses, consoles or the record', async () => {
  const { tokenkeep, browser, sandbox } = on;
  const printed = await browser.collectConsole();
  tokenkeep.page.on('console', (message) => printed.push?.(message.text()));
  const check = await Check.of(tokenkeep);
  const token = await tokenkeep.storedToken(check.id);
  const secret = sandbox.ready.app.client_secret;
  const echo = { status: 418, message: `${token} and ${secret}`, error: 'x', error_description: `${token} ${secret}` };
  for (const endpoint of ['userinfo', 'introspection', 'revocation']) await sandbox.fault(endpoint, answer(418, echo));
  const said = await check.test('failed');
  assert.match(said.what, /HTTP 418/);
  assert.match(said.evidence, /\[redacted\]/);
  await check.revoke();
  const lines = printed.read ? await printed.read() : printed;
  const whole = await tokenkeep.page.evaluate(() => document.documentElement.outerHTML);
  const seen = JSON.stringify([lines, await browser.tabs(), await check.record(), whole]);
  for (const value of [token, secret]) {
    assert.ok(value.length > 10 && !seen.includes(value) && !seen.includes(encodeURIComponent(value)));
  }
});
