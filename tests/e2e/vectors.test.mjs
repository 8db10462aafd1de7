// Files of tests/vectors/diagnosis in a real browser: the sandbox answers exactly what the file says, and the page shows
// the finding that the file expects. Where it has a button: before the click no token or a dead one, after it one.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { beforeEach, describe, test } from 'node:test';

import { Check } from './lib/check.mjs';
import { stage, startFresh } from './lib/stage.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const VECTORS = new URL('../vectors/diagnosis/', import.meta.url);
const TEXTS = JSON.parse(await readFile(new URL('../../extension/_locales/en/messages.json', import.meta.url)));

beforeEach(() => startFresh(on));

/** The cases of a file that are of this kind. */
async function cases(name, kind) {
  const file = JSON.parse(await readFile(new URL(`${name}.json`, VECTORS)));
  return file.cases.filter(({ evidence }) => evidence.kind === kind && evidence.request === undefined);
}

/** A text of a finding, with its placeholders filled. */
function said({ code, args }, part) {
  const { message, placeholders = {} } = TEXTS[`finding_${code}_${part}`];
  return Object.entries(placeholders).reduce(
    (text, [name, { content }]) => text.replaceAll(`$${name.toUpperCase()}$`, args[Number(content.slice(1)) - 1]),
    message,
  );
}

/** The file's answer as a fault of the sandbox. */
function fault({ status, body = '', content_type = 'application/json', headers = {} }) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return { kind: 'answer', status, content_type, headers, body: text };
}

function same(finding, expected) {
  const { evidence, ...rest } = finding;
  assert.deepEqual(expected.evidence === undefined ? rest : { ...rest, evidence }, expected);
}

/** What starts a flow by a click on `button`; the flow gives a token. */
async function press(id, button) {
  const { tokenkeep } = on;
  const flow = await tokenkeep.flowBy(id, () => tokenkeep.click(button));
  const asks = until('LinkedIn asks or the flow ends', async () => (await flow.outcomeNow()) ?? ((await flow.tab()) && 'asks'));
  if ((await asks) === 'asks') await flow.consent().catch(() => {});
  assert.equal(await flow.outcome(), 'Token');
}

describe('answers of the REST API', () => {
  for (const name of [
    'rest_authorization_scheme',
    'rest_bad_request',
    'rest_body',
    'rest_empty_token',
    'rest_expired_token',
    'rest_invalid_token',
    'rest_length',
    'rest_member_throttled',
    'rest_method',
    'rest_resource_unknown',
    'rest_revoked_token',
    'rest_server_error',
    'rest_throttled',
    'rest_unknown',
    'rest_unpermitted_fields',
    'rest_url_too_long',
    'rest_access_denied',
    'symptom_12_v2_me_with_openid',
    'symptom_13_userinfo_denied',
    'symptom_14_settling',
    'symptom_15_revoked',
    'symptom_16_expired',
    'symptom_24_version_dead',
    'symptom_25_version_missing',
    'symptom_27_daily_limit',
    'symptom_28_not_an_access_token',
    'symptom_29_token_cut',
  ]) {
    test(name, async () => {
      const { tokenkeep, sandbox } = on;
      const check = await Check.of(tokenkeep);
      let tried = 0;
      for (const { evidence, finding } of await cases(name, 'REST answer')) {
        const { age_s = 86_400, lives_s, scope } = evidence.token;
        // A token of other scopes is tried otherwise, and an echoed secret of the file is nobody's here.
        if (!/openid.*profile/.test(scope) || JSON.stringify(evidence).includes('canary')) continue;
        const obtained_ms = Date.now() - age_s * 1000;
        await check.change({
          obtained_ms,
          expires_ms: lives_s === undefined ? null : obtained_ms + lives_s * 1000,
          scope_granted: scope.split(','),
        });
        await sandbox.fault('userinfo', fault(evidence.answer));
        const before = (await check.record())?.at_ms;
        await tokenkeep.click(`${check.card} .token-test`);
        const record = await until('it is answered', async () => {
          const now = await check.record();
          return now?.at_ms !== undefined && now.at_ms !== before && now;
        });
        same(record.finding, finding);
        const shown = await until('the page shows it', async () => {
          const now = await check.shown();
          // Two cases of a file may differ in their evidence alone.
          return now.what === said(finding, 'what') && now.evidence === record.finding.evidence && now;
        });
        assert.equal(shown.why, said(finding, 'why'));
        assert.equal(shown.fix, said(finding, 'fix'));
        if (shown.button !== undefined) assert.equal(shown.button, said(finding, 'action'));
        tried += 1;
      }
      assert.ok(tried > 0, 'the file has a case for this');
    });
  }
});

describe('answers of the token endpoint, and then the button', () => {
  for (const name of [
    'token_client_authentication',
    'token_code_not_found',
    'token_invalid_client_id',
    'token_invalid_grant',
    'token_invalid_redirect_uri',
    'token_parameter_missing',
    'token_rate_limited',
    'token_server_error',
    'token_unknown',
    'symptom_06_code_mismatch',
  ]) {
    test(name, async () => {
      const { tokenkeep, sandbox } = on;
      const [{ evidence, finding }] = await cases(name, 'token answer');
      const id = await tokenkeep.addSandboxProfile('live_https');
      await sandbox.fault('token', fault(evidence.answer));
      const flow = await tokenkeep.authorize(id);
      await flow.consent();
      assert.equal(await flow.outcome(), finding.code);
      same((await tokenkeep.engine()).ended[id].finding, finding);
      const shown = await tokenkeep.finding(id);
      for (const part of ['what', 'why', 'fix']) assert.equal(shown[part], said(finding, part));
      assert.equal(await tokenkeep.storedToken(id), undefined, 'before the click no token');
      if (finding.fix === 'EditProfile') {
        await tokenkeep.click(`${tokenkeep.card(id)} .finding-action`);
        await tokenkeep.shown('view-setup');
        await press(id, '#setup_submit');
      } else {
        assert.equal(finding.fix, 'AuthorizeAgain');
        await press(id, `${tokenkeep.card(id)} .profile-main`);
      }
      assert.ok(await tokenkeep.storedToken(id), 'after the click one');
    });
  }
});

describe('redirects, and then the button', () => {
  for (const [name, scope] of [
    ['authorization_access_denied', 'openid profile'],
    ['authorization_server_error', 'openid profile'],
    ['symptom_08_legacy_scopes', 'openid r_liteprofile'],
    ['symptom_10_scope_of_unapproved_product', 'openid w_organization_social'],
    ['symptom_32_cancelled', 'openid profile'],
  ]) {
    test(name, async () => {
      const { tokenkeep, sandbox } = on;
      const [{ evidence, finding }] = await cases(name, 'callback');
      const query = new URL(evidence.callback).searchParams;
      const error = { error: query.get('error') };
      if (query.has('error_description')) error.error_description = query.get('error_description');
      await sandbox.redirect('302', { once: true, error });
      const id = await tokenkeep.addSandboxProfile('live_https', { scope });
      const flow = await tokenkeep.authorize(id);
      // A scope that the app lacks is refused before LinkedIn asks anything.
      if (!/scope/.test(finding.code)) await flow.consent();
      assert.equal(await flow.outcome(), finding.code);
      same((await tokenkeep.engine()).ended[id].finding, finding);
      const shown = await tokenkeep.finding(id);
      for (const part of ['what', 'why', 'fix']) assert.equal(shown[part], said(finding, part));
      assert.equal(await tokenkeep.storedToken(id), undefined, 'before the click no token');
      const again = finding.fix === 'AuthorizeAgain' ? '.profile-main' : '.finding-action';
      await press(id, `${tokenkeep.card(id)} ${again}`);
      assert.ok(await tokenkeep.storedToken(id), 'after the click one');
    });
  }
});

test('a dead token and its button: renewed by the refresh token, it works', async () => {
  const { tokenkeep, sandbox } = on;
  const { client_id, client_secret } = sandbox.ready.refresh_app;
  const check = await Check.of(tokenkeep, { client_id, client_secret });
  const [{ evidence, finding }] = await cases('rest_expired_token', 'REST answer');
  assert.equal(finding.fix, 'Renew');
  await sandbox.fault('userinfo', fault(evidence.answer));
  const failed = await check.test('failed');
  assert.equal(failed.button, said(finding, 'action'));
  await tokenkeep.click(`${check.card} .token-check .finding-action`);
  await check.renewed();
  await until('of the old one nothing is said', async () => (await check.shown()).state === 'none');
  await check.test('works');
});
