// Every kind of redirect to every kind of redirect host: the code is captured and the host hears nothing.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { stage } from './lib/stage.mjs';

const on = await stage();

/** HTTP statuses, and the ways that are none. */
const KINDS = ['301', '302', '303', '307', '308', 'chained', 'javascript', 'meta'];
const TARGETS = ['live_https', 'live_loopback', 'dead_loopback', 'unknown'];
const profiles = {};
for (const target of TARGETS) profiles[target] = await on.tokenkeep.addSandboxProfile(target);

beforeEach(async () => {
  const { sandbox } = on;
  await sandbox.reset();
  await sandbox.session(sandbox.ready.member.username);
});

for (const target of TARGETS) {
  describe(`redirect host: ${target}`, () => {
    for (const kind of KINDS) {
      // The consent form is a POST, so each of these is also a POST that is redirected.
      test(`${kind} gives a token`, async () => {
        const { sandbox, tokenkeep } = on;
        await sandbox.redirect(kind);
        await (await tokenkeep.authorize(profiles[target])).complete();
        const counters = await sandbox.counters();
        assert.equal(counters.redirect_host_requests, 0);
        assert.equal(counters.token_posts, 1);
      });
    }

    test('302 without any page in between gives a token', async () => {
      const { sandbox, tokenkeep } = on;
      const { app, member } = sandbox.ready;
      await sandbox.grant(app.client_id, member.username, ['openid', 'profile', 'email']);
      const flow = await tokenkeep.authorize(profiles[target]);
      assert.equal(await flow.outcome(), 'Token');
      assert.equal((await sandbox.counters()).redirect_host_requests, 0);
    });

    test('form_post reaches nobody and ends in a finding', async () => {
      const { sandbox, tokenkeep } = on;
      await sandbox.redirect('form_post');
      const flow = await tokenkeep.authorize(profiles[target]);
      await flow.consent();
      assert.match(await flow.outcome(), /^(state|issuer|code|duplicate)_/);
      const finding = await tokenkeep.finding(profiles[target]);
      assert.ok(finding.what && finding.why && finding.fix);
      const counters = await sandbox.counters();
      assert.equal(counters.redirect_host_requests, 0);
      assert.equal(counters.token_posts, 0);
    });
  });
}
