// Errors that a person met elsewhere and pastes into the manager.

import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Manager } from './lib/manager.mjs';
import { stage } from './lib/stage.mjs';
import { fill } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const TOKEN = 'AQXdSP_W41_UPs5ioT_t8HESyODB4FqbkJ8LrV_5mff4gPODzOYR';
let page;

beforeEach(async () => {
  await on.tokenkeep.startOver();
  page = await Manager.at(on.browser, 'explain');
});

async function paste(text) {
  await page.front();
  await fill(page.page, '#explain_text', text);
}

/** What the section says of a text. */
async function explained(text) {
  await paste(text);
  const [what, why, fix, evidence] = await Promise.all(
    ['what', 'why', 'fix', 'evidence-text'].map((part) => page.text(`#explain_found .finding-${part}`)),
  );
  return { what, why, fix, evidence };
}

test('an answer of the API, a console and a callback are explained, and no secret of theirs is shown', async () => {
  assert.equal(await page.visible('#explain_found .finding'), false);

  const curl = await explained(
    `> GET /v2/userinfo HTTP/2\n> authorization: Bearer ${TOKEN}\n> \n< HTTP/2 401 \n< content-type: application/json\n< x-li-uuid: AAYAbc==\n< \n` +
      `{"status":401,"serviceErrorCode":65602,"code":"EXPIRED_ACCESS_TOKEN","message":"The token used in the request has expired: ${TOKEN}"}`,
  );
  assert.match(curl.what, /expired/i);
  assert.ok(curl.why && curl.fix);
  assert.match(curl.evidence, /^HTTP 401 EXPIRED_ACCESS_TOKEN 65602 .*\[redacted\]\nrequest id: AAYAbc==$/);

  const console = await explained(
    "Access to fetch at 'https://www.linkedin.com/oauth/v2/accessToken' from origin 'http://localhost:3000' has been blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the requested resource.",
  );
  assert.match(console.what, /web page may not read this answer/);
  assert.match(console.fix, /on a server/);

  const callback = await explained(
    'http://localhost:3000/callback?error=unauthorized_scope_error&error_description=Scope+%26quot%3Br_liteprofile%26quot%3B+is+not+authorized+for+your+application&state=s1',
  );
  assert.match(callback.what, /r_liteprofile/);
  assert.match(callback.why + callback.fix, /openid/);

  const unknown = await explained(`curl -H 'Authorization: Bearer ${TOKEN}' -d client_secret=hunter2 https://api.linkedin.com/v2/userinfo`);
  assert.match(unknown.what, /knows no error/);
  assert.equal(unknown.evidence, "curl -H 'Authorization: [redacted]' -d client_secret=[redacted] https://api.linkedin.com/v2/userinfo");

  const shown = await page.page.$eval('#explain_found', (found) => found.outerHTML);
  assert.ok(!shown.includes(TOKEN) && !shown.includes('hunter2'));
});

test('an empty field says nothing, and what was pasted is stored nowhere and forgotten', async () => {
  const before = JSON.stringify(await page.local());
  await explained(`<Response [401]> ${TOKEN}`);
  await paste(' \n');
  await until('nothing is said', async () => !(await page.visible('#explain_found .finding')));
  await explained(`<Response [401]> ${TOKEN}`);
  assert.equal(JSON.stringify(await page.local()), before);
  assert.deepEqual(await on.sandbox.log(), [], 'nothing was asked');
  await page.go('profiles', 'view-setup');
  await page.go('explain', 'view-explain');
  assert.equal(await page.value('#explain_text'), '');
  assert.equal(await page.visible('#explain_found .finding'), false);
});
