// A whole life with recognisable secrets, codes, verifiers, states and tokens, and a server that says back what it is told:
// then none of them may stand anywhere that a person, a page or a bug report can read.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Check } from './lib/check.mjs';
import { Holder } from './lib/holder.mjs';
import { Manager } from './lib/manager.mjs';
import { BROWSER, stage } from './lib/stage.mjs';
import { until } from './lib/until.mjs';
import { Watch } from './lib/watch.mjs';

const on = await stage();

/** Values that are nobody's business, by name. */
const canaries = new Map();
let watch;
let manager;

before(async () => {
  const { tokenkeep, sandbox } = on;
  // Answers to those who ask for the API's host as well.
  await tokenkeep.grantHosts();
  await tokenkeep.grantHosts(['http://127.0.0.1/*', 'https://api.linkedin.com/*']);
  await sandbox.session(sandbox.ready.member.username);
  for (const app of ['app', 'refresh_app', 'native_app']) add(`secret of ${app}`, sandbox.ready[app].client_secret);
  watch = await Watch.start(tokenkeep);
});

after(() => watch?.stop());

function add(name, value) {
  if (typeof value === 'string' && value.length > 10) canaries.set(name, value);
}

/** Adds what is stored and what LinkedIn was told so far. */
async function collect(step) {
  const { tokenkeep, sandbox } = on;
  const local = await tokenkeep.local();
  for (const [key, { token } = {}] of Object.entries(local).filter(([key]) => key.startsWith('token:'))) {
    for (const member of ['access_token', 'refresh_token', 'id_token']) add(`${member}, ${key}, ${step}`, token[member]);
  }
  for (const [number, { query, form, headers }] of (await sandbox.log()).entries()) {
    add(`state ${number}`, query?.state);
    for (const member of ['code', 'code_verifier', 'client_secret', 'refresh_token', 'token']) {
      add(`${member} ${number}`, form?.[member]);
    }
    add(`credentials ${number}`, headers.authorization?.replace(/^Bearer /, ''));
  }
  const { codes } = await sandbox.state();
  for (const [number, { code }] of codes.entries()) add(`code ${number} of the sandbox`, code);
}

/** Whether a text has the value, as it is or as it stands in a URL, whole or its middle. */
function shows(text, value) {
  const quarter = Math.floor(value.length / 4);
  const middle = value.slice(quarter, value.length - quarter);
  const forms = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)];
  if (middle.length >= 12) forms.push(middle, encodeURIComponent(middle));
  return forms.some((form) => text.includes(form));
}

/** What protocol and server put into a tab's address: LinkedIn's own pages and the callback that was stopped. */
function mayStand(name, sink, text) {
  if (sink !== 'addresses' && sink !== 'titles') return false;
  const address = text.replace(/^view-source:/, '');
  // A tab without a title yet is called by its address, shortened.
  if (/^(https:\/\/)?(www\.)?linkedin\.com\//.test(address)) return name.startsWith('state');
  return /^(https:\/\/)?app\.tokenkeep\.test\/|^(http:\/\/)?127\.0\.0\.1/.test(address) && /^(state|code \d)/.test(name);
}

/** No value is seen anywhere but where `mayStand` says. */
async function nothingSeen() {
  await collect('at the end');
  const seen = await watch.seen();
  const found = [];
  for (const [sink, texts] of Object.entries(seen)) {
    for (const text of texts) {
      for (const [name, value] of canaries) {
        if (shows(text, value) && !mayStand(name, sink, text)) {
          found.push(`${name} in ${sink}: ${text.slice(Math.max(0, text.indexOf(value) - 60), text.indexOf(value) + 20)}`);
        }
      }
    }
  }
  assert.deepEqual(found.slice(0, 10), []);
  return seen;
}

/** Presses Renew and waits until the renewal has ended with `count` traces. */
async function renew(id, count) {
  const { tokenkeep } = on;
  await new Holder(tokenkeep, id).pressRenew();
  await tokenkeep.tracesEnded(id, count);
  await collect(`renewal ${count}`);
}

/** Authorizes, with all that LinkedIn's pages ask for; returns the outcome. */
async function authorize(id) {
  const { tokenkeep } = on;
  await tokenkeep.front();
  const flow = await tokenkeep.authorize(id);
  const running = (await tokenkeep.engine()).flows[flow.id];
  add(`state of ${flow.id}`, running?.state);
  add(`verifier of ${flow.id}`, running?.code_verifier);
  await until('LinkedIn asks or it is over', async () => (await flow.outcomeNow()) || (await flow.tab()));
  if (!(await flow.outcomeNow())) await flow.consent().catch(() => {});
  const outcome = await flow.outcome();
  await collect(flow.id);
  return outcome;
}

const echo = (endpoint, status, content_type = 'application/json', times = 1) =>
  on.sandbox.fault(endpoint, { kind: 'echo', status, content_type }, times);

/** A profile whose secret the test types; nobody else shows it. */
function addProfile(more) {
  return watch.unseen(() => on.tokenkeep.addSandboxProfile('live_https', more));
}

test('an imported profile: authorized, renewed, tested, refused with an echo, revoked', async () => {
  const { tokenkeep, sandbox, browser } = on;
  const { client_id, client_secret } = sandbox.ready.refresh_app;
  manager = await Manager.at(browser, 'transfer');
  const words = [
    'curl https://www.linkedin.com/oauth/v2/accessToken',
    `-d client_id=${client_id} --data-urlencode 'client_secret=${client_secret}' -d code=pasted-code-0123456789`,
    `-d redirect_uri=${sandbox.ready.redirect_hosts.live_https} -d scope='openid profile email'`,
  ];
  add('pasted code', 'pasted-code-0123456789');
  await watch.unseen(async () => {
    await manager.paste(words.join(' '));
    const preview = await manager.page.$eval('#import_found', (list) => list.outerHTML);
    watch.keep('preview of an import', preview);
    await manager.click('.found-add');
    await manager.shown('view-profiles');
  });
  await manager.page.close();
  // Its form of the first run waits for a person.
  await tokenkeep.reload();
  const [{ id }] = await tokenkeep.index();

  assert.equal(await authorize(id), 'Token');
  await renew(id, 2);
  await echo('token', 400);
  await renew(id, 3);

  const check = new Check(tokenkeep, id);
  await check.test('works');
  for (const endpoint of ['userinfo', 'introspection', 'revocation']) await echo(endpoint, 418);
  assert.match((await check.test('failed')).evidence, /\[redacted\]/);
  await check.revoke();
  watch.keep('record of a test', JSON.stringify(await check.record()));

  // The server says code, secret and redirect URI back, as JSON and as a page.
  for (const [status, type] of [
    [401, 'application/json'],
    [502, 'text/html'],
  ]) {
    await sandbox.revoke(client_id, sandbox.ready.member.username);
    await echo('token', status, type);
    assert.notEqual(await authorize(id), 'Token');
    await tokenkeep.expand(id);
    // What a person opens is seen as well.
    await tokenkeep.unfold(`${tokenkeep.card(id)} .finding-evidence`);
    await watch.look();
  }
  const secrets = [...canaries.keys()].join();
  for (const name of ['access_token', 'refresh_token', 'id_token', 'code', 'client_secret', 'state', 'credentials', 'renewal 2']) {
    assert.ok(secrets.includes(name), `${name} is looked for`);
  }
  await until('the tabs are closed', async () =>
    (await browser.tabs()).every(({ url }) => !/www\.linkedin\.com|tokenkeep\.test/.test(url)),
  );
  await nothingSeen();
});

test('a native app: its verifier', async () => {
  const { tokenkeep, sandbox } = on;
  const { client_id } = sandbox.ready.native_app;
  await tokenkeep.front();
  const id = await addProfile({
    provider: 'linkedin-native',
    client_id,
    client_secret: '',
    redirect_uri: 'http://127.0.0.1:8585/callback',
    name: 'native',
  });
  await echo('token', 400);
  assert.notEqual(await authorize(id), 'Token');
  await tokenkeep.expand(id);
  await watch.look();
  assert.equal(await authorize(id), 'Token');
  const verifiers = [...canaries].filter(([name]) => /^(code_)?verifier/.test(name));
  assert.ok(verifiers.length >= 2 && verifiers.every(([, value]) => value.length >= 43), 'both verifiers are looked for');
  await nothingSeen();
});

test('a renewal without a refresh token, and what LinkedIn sends back by mistake', async () => {
  const { tokenkeep, sandbox } = on;
  await sandbox.session(null);
  const id = await addProfile({ name: 'silent' });
  assert.equal(await authorize(id), 'Token');
  const first = await tokenkeep.storedToken(id);
  await renew(id, 2);
  assert.notEqual(await tokenkeep.storedToken(id), first);
  const states = (await sandbox.authorizationRequests()).filter(({ headers }) => headers['sec-fetch-mode'] === 'cors');
  assert.equal(states.length, 1, 'it was asked without a tab');
  await echo('token', 400);
  await renew(id, 3);
  const said = [sandbox.ready.app.client_secret, await tokenkeep.storedToken(id), first].join(' ');
  await sandbox.redirect('302', { once: true, error: { error: 'server_error', error_description: `LinkedIn says ${said}` } });
  await renew(id, 4);
  await nothingSeen();
});

test('traces, their report, the exported file and what is stored', async () => {
  const { tokenkeep, sandbox, browser } = on;
  manager = await Manager.at(browser, 'traces');
  await until('all traces show', async () => (await manager.page.$$('.trace')).length >= 8);
  for (const summary of await manager.page.$$('.trace summary')) await summary.evaluate((element) => element.click());
  watch.keep('report of all traces', await manager.copied('#traces_copy'));
  const report = await manager.copied('.trace .trace-copy');
  assert.match(report, /\[redacted\]/);
  watch.keep('report of one trace', report);
  await manager.go('transfer', 'view-transfer');
  const file = await manager.copied('#export_copy');
  assert.equal(JSON.parse(file).profiles.length, 3);
  watch.keep('exported file', file);
  const [{ id }] = await tokenkeep.index();
  await manager.go(`profile=${id}`, 'view-setup');
  await watch.look();
  const local = await tokenkeep.local();
  // Where secrets and tokens stand, and nothing else of them.
  for (const key of Object.keys(local)) if (/^(secret|token):/.test(key)) delete local[key];
  watch.keep('storage beside secrets and tokens', JSON.stringify(local));
  await manager.go('settings', 'view-settings');
  // Chromium's question for it can't be answered without a person.
  if (BROWSER === 'firefox') await manager.click('#notify');
  await manager.page.close();
  const seen = await nothingSeen();
  for (const sink of ['addresses', 'titles', 'documents', 'action', 'notifications', 'localStorage']) {
    assert.ok(seen[sink]?.length > 0, `${sink} were looked at`);
  }
  assert.ok(seen.documents.length > 100, `${seen.documents.length} documents were looked at`);
  assert.ok(canaries.size > 30, `${canaries.size} values were looked for`);
  assert.deepEqual((await sandbox.counters()).redirect_host_requests, 0);
});

test('the watch sees what is shown: a token that is revealed by a click, and a line in the console', async () => {
  const { tokenkeep } = on;
  const [, , { id }] = await tokenkeep.index();
  const token = await tokenkeep.storedToken(id);
  await tokenkeep.front();
  await tokenkeep.expand(id);
  await tokenkeep.click(`${tokenkeep.card(id)} .token-reveal`);
  await until('the document shows it', async () => (await watch.seen()).documents.some((text) => shows(text, token)));
  await tokenkeep.page.evaluate((text) => console.log(text), `printed ${token}`);
  await until('the console shows it', async () => (await watch.seen()).consoles?.some((text) => shows(text, token)));
  await assert.rejects(nothingSeen(), /documents/);
});
