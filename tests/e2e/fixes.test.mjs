// Findings whose button mends the profile: before the click no token, after it one.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { DAY_MS, Holder } from './lib/holder.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { fill } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

beforeEach(() => startFresh(on));

/** A profile whose flow fails with this finding. */
async function failing(scope, code) {
  const { tokenkeep } = on;
  const id = await tokenkeep.addSandboxProfile('live_https', { scope });
  const flow = await tokenkeep.authorize(id);
  assert.equal(await flow.outcome(), code);
  await tokenkeep.finding(id);
  return { id, button: `${tokenkeep.card(id)} .finding-action` };
}

/** Presses the finding's button and completes the flow that it starts. */
async function press({ id, button }) {
  const { tokenkeep } = on;
  await (await tokenkeep.flowBy(id, () => tokenkeep.click(button))).complete();
  return tokenkeep.record(`profile:${id}`);
}

describe('a scope that LinkedIn refuses', () => {
  test('a legacy one gives way to its successors', async () => {
    const { tokenkeep } = on;
    const failed = await failing('r_liteprofile email', 'unauthorized_scope_legacy');
    assert.equal(await tokenkeep.text(failed.button), 'Ask for openid profile instead');
    const profile = await press(failed);
    assert.deepEqual(String(profile.scopes).split(/[ ,]/).sort(), ['email', 'openid', 'profile']);
  });

  test('one of a product that the app has not is left out', async () => {
    const { tokenkeep, sandbox } = on;
    const failed = await failing('openid r_ads profile', 'unauthorized_scope');
    assert.equal(await tokenkeep.text(failed.button), 'Ask without r_ads');
    const profile = await press(failed);
    assert.deepEqual(String(profile.scopes).split(/[ ,]/).sort(), ['openid', 'profile']);
    const [, second] = await sandbox.authorizationRequests();
    assert.ok(!JSON.stringify(second).includes('r_ads'));
    assert.equal(await tokenkeep.state(failed.id), 'token');
  });

  test('where it is the only one, the form asks which instead', async () => {
    const { tokenkeep } = on;
    const failed = await failing('opnid', 'unauthorized_scope_unknown');
    await tokenkeep.click(failed.button);
    await tokenkeep.shown('view-setup');
    assert.equal(await tokenkeep.value('#scope'), 'opnid');
  });

  test('where the secret is lost, the form asks for it', async () => {
    const { tokenkeep, sandbox } = on;
    const failed = await failing('openid r_ads profile', 'unauthorized_scope');
    await tokenkeep.page.evaluate((key) => chrome.storage.local.remove(key), `secret:${failed.id}`);
    await tokenkeep.click(failed.button);
    const asked = async () =>
      (await tokenkeep.visible('#client_secret_error')) && /^Enter the Client secret/.test(await tokenkeep.text('#client_secret_error'));
    await until('it is asked for', asked);
    assert.equal(await tokenkeep.value('#scope'), 'openid profile');
    await fill(tokenkeep.page, '#client_secret', '');
    await fill(tokenkeep.page, '#scope', 'openid');
    await tokenkeep.click('#setup_save');
    await until('it has the focus', () => tokenkeep.page.evaluate(() => document.activeElement.id === 'client_secret'));
    assert.ok(await asked());
    await fill(tokenkeep.page, '#client_secret', sandbox.ready.app.client_secret);
    await tokenkeep.save();
    assert.equal((await tokenkeep.record(`secret:${failed.id}`)).client_secret, sandbox.ready.app.client_secret);
  });
});

describe('what the life of a token will need', () => {
  let holder;

  beforeEach(async () => {
    holder = await Holder.of(on.tokenkeep);
  });

  /** Stores the token with these members changed and returns what the card says of its life. */
  async function said(members) {
    const { tokenkeep } = on;
    await holder.change(members);
    const at = `${holder.card} .lifetime`;
    return (pattern) =>
      until(`the card says ${pattern}`, async () =>
        pattern ? pattern.test(await tokenkeep.text(`${at}-what`)) && (await tokenkeep.visible(at)) : !(await tokenkeep.visible(at)),
      );
  }

  test('is nothing while it renews by itself', async () => {
    const { tokenkeep } = on;
    const renews = () => tokenkeep.text(`${holder.card} .token-renewable`);
    const now = Date.now();
    await (await said({}))(null);
    assert.match(await renews(), /Renews by itself in the background/);
    await (await said({ expires_ms: now + 6.5 * DAY_MS }))(null);
    await (await said({ expires_ms: now + 19 * DAY_MS, refresh_token: 'AQW-refresh', refresh_expires_ms: now + 19.5 * DAY_MS }))(null);
    await until('it is said until when', async () => /without a click until/.test(await renews()));
    await holder.renewByClick();
    await (await said({}))(/refresh token ends soon/);
  });

  test('is said on its card where it does not renew by itself, with why and what to do', async () => {
    const { tokenkeep } = on;
    await holder.renewByClick();
    const now = Date.now();
    const living = { refresh_token: 'AQW-refresh', refresh_expires_ms: now + 300 * DAY_MS, refresh_refused_ms: null };
    await (await said({ ...living, expires_ms: now + 50 * DAY_MS }))(null);
    await (await said({ refresh_expires_ms: now + 19.5 * DAY_MS }))(/refresh token ends soon/);
    await (await said({ refresh_token: null, refresh_expires_ms: null }))(/no refresh token/);
    await tokenkeep.click(`${holder.card} .lifetime-what`);
    assert.match(await tokenkeep.text(`${holder.card} .lifetime-why`), /only to apps with a product/);
    assert.match(await tokenkeep.text(`${holder.card} .lifetime-fix`), /LinkedIn asks nothing/);
    await (await said({ expires_ms: now + 4.5 * DAY_MS }))(/access token ends soon/);
    await (await said({ expires_ms: now - 1 }))(/has expired/);
  });
});
