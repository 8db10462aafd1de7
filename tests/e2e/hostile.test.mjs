// The hostile server: every answer of tests/vectors/hostile/answers.json, byte by byte, to the packed extension. None may bring a
// second request, a tab, a cookie, a visit elsewhere, or a secret into what anybody can read.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MARK, expected, secretsOf, stepsOf, table, textOf } from './lib/hostile.mjs';
import { BROWSER, stage } from './lib/stage.mjs';
import { items, records } from './lib/stored.mjs';
import { Tokenkeep, closeOthers } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const REDIRECT_URI = on.sandbox.ready.redirect_hosts.live_https;
const HOUR_MS = 3_600_000;
const GOOD = { body: '{"access_token":"AQfresh","expires_in":3600}' };
const LOGIN = { headers: ['Content-Type: text/html'], body: '<html>Sign in</html>' };
const ACTIVE = { body: '{"active":true,"status":"active"}' };
const SECOND_HOSTS = ['www.tokenkeep.test', 'app.tokenkeep.test'];

/** How the cases of a group are asked for, and which endpoint answers. */
const GROUPS = {
  client: { provider: 'linkedin-application', endpoint: 'token', command: 'Authorize', scopes: [] },
  refresh: { endpoint: 'token', command: 'Renew', refresh: true, others: { authorization: LOGIN } },
  redirect: { endpoint: 'authorization', command: 'Renew', others: { token: GOOD } },
  userinfo: { endpoint: 'userinfo', command: 'TestToken', others: { introspection: ACTIVE } },
  rest: { endpoint: 'rest', command: 'TestToken', scopes: ['rw_organization_admin'], others: { introspection: ACTIVE } },
  introspection: { endpoint: 'introspection', command: 'TestToken', scopes: ['w_member_social'] },
  code: { endpoint: 'token', command: 'Authorize' },
};

const model = await modelRecords();
await on.tokenkeep.grantHosts([
  'https://www.linkedin.com/*',
  'https://*.tokenkeep.test/*',
  'https://api.linkedin.com/*',
]);
/** It commands the worker. No index stands in storage meanwhile: it does not draw hundreds of cards that change. */
const still = on.tokenkeep.page;

/** A profile and its secret as the form stores them. */
async function modelRecords() {
  const id = await on.tokenkeep.addSandboxProfile('live_https');
  const stored = await on.tokenkeep.local();
  await on.tokenkeep.startOver();
  return { profile: stored[`profile:${id}`], secret: stored[`secret:${id}`], entry: stored.index.entries[0], schema: stored.schema };
}

/** The cases of a group, each with a profile, secrets and a token of its own. */
function casesOf(group) {
  return table[group].map((entry, number) => ({
    ...entry,
    group,
    id: `${model.profile.id.slice(0, -6)}${group.slice(0, 3)}${String(number).padStart(3, '0')}`,
    client_id: `hostile${group}${number}`,
    secrets: secretsOf(group, number),
    expect: expected(entry, BROWSER),
  }));
}

/** Everything that storage holds for some cases. */
function recordsOf(cases) {
  const now = Date.now();
  const items = { schema: model.schema };
  for (const { group, id, client_id, secrets } of cases) {
    const { provider = 'linkedin', scopes = ['openid', 'profile', 'email'], command, refresh } = GROUPS[group];
    const name = client_id;
    items[`profile:${id}`] = { ...model.profile, id, name, provider, client_id, scopes, renew_automatically: false };
    items[`secret:${id}`] = { ...model.secret, [secretMember()]: secrets.client_secret };
    if (command === 'Authorize') continue;
    items[`token:${id}`] = {
      flow: `flow-${id}`,
      token: {
        v: 1,
        access_token: secrets.access_token,
        token_type: 'Bearer',
        scope_requested: scopes,
        scope_granted: scopes,
        obtained_ms: now - HOUR_MS,
        expires_ms: now + 1000 * HOUR_MS,
        refresh_token: refresh ? secrets.refresh_token : null,
        refresh_expires_ms: refresh ? now + 5000 * HOUR_MS : null,
      },
    };
  }
  return items;
}

/** The member of a secret's record that holds it. */
function secretMember() {
  const { client_secret } = on.sandbox.ready.app;
  return Object.keys(model.secret).find((member) => model.secret[member] === client_secret);
}

/** Sets the sandbox's answers, storage, and nothing under way. */
async function prepare(cases) {
  const { sandbox, browser } = on;
  await browser.killWorker();
  await closeOthers(browser, still);
  await browser.killWorker();
  await sandbox.reset();
  let batch = [];
  let size = 0;
  const send = async () => {
    if (batch.length > 0) await sandbox.hostile(batch);
    batch = [];
    size = 0;
  };
  for (const { group, answer, client_id, secrets } of cases) {
    const { endpoint, others = {} } = GROUPS[group];
    const byToken = endpoint === 'userinfo' || endpoint === 'rest';
    const answers = { ...others, [endpoint]: answer };
    for (const [place, said] of Object.entries(answers)) {
      const key = byToken && place === endpoint ? secrets.access_token : client_id;
      const item = { endpoint: place, key, steps: stepsOf(said, secrets) };
      const more = JSON.stringify(item).length + 1;
      // The sandbox reads a megabyte.
      if (size + more > 1_000_000) await send();
      batch.push(item);
      size += more;
    }
  }
  await send();
  await still.evaluate(async (items) => {
    await chrome.storage.local.clear();
    await chrome.storage.session.clear();
    await chrome.alarms.clearAll();
    await chrome.storage.local.set(items);
  }, items(recordsOf(cases)));
}

/** Commands for all, a few at a time, until each has ended. */
async function run(cases, lanes) {
  const late = await still.evaluate(
    async (commands, lanes) => {
      const queue = [...commands];
      const late = [];
      const over = async (id, command) => {
        // A test of a token is over when it is answered.
        if (command === 'TestToken') return true;
        const { engine } = await chrome.storage.session.get('engine');
        const runs = engine?.flows.some((flow) => flow.snapshot.profile.id === id);
        return !runs && engine?.ended.some((ended) => ended.profile === id);
      };
      const lane = async () => {
        for (let next = queue.shift(); next && late.length < 5; next = queue.shift()) {
          const [id, command] = next;
          const deadline = performance.now() + 40_000;
          const reply = await chrome.runtime.sendMessage({ [command]: { profile: id } });
          if (reply !== 'Done') late.push(`${id}: ${JSON.stringify(reply)}`);
          while (!(await over(id, command))) {
            if (performance.now() > deadline) {
              late.push(id);
              break;
            }
            await new Promise((done) => setTimeout(done, 20));
          }
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      return late;
    },
    cases.map(({ id, group }) => [id, GROUPS[group].command]),
    lanes,
  );
  assert.deepEqual(late, [], 'each has an end');
}

const seconds = (from, to) => (to == null ? null : Math.round((to - from) / 1000));

/** What is wrong with what came of a case, as lines. */
function problems(entry, { local, engine, log }) {
  const { group, id, client_id, secrets, expect } = entry;
  const wrong = [];
  const is = (what, got, wanted) => {
    if (JSON.stringify(got ?? null) !== JSON.stringify(wanted ?? null)) wrong.push(`${what}: ${JSON.stringify(got)?.slice(0, 300)} and not ${JSON.stringify(wanted)?.slice(0, 200)}`);
  };
  const { endpoint, command } = GROUPS[group];
  const check = local[`check:${id}`];
  const finding = command === 'TestToken' ? check?.finding : engine.ended.find((ended) => ended.profile === id)?.finding;
  is('finding', finding?.code, expect.finding);
  const evidence = [finding?.evidence, ...(finding?.args ?? [])].join('\n');
  if (expect.evidence && !evidence.includes(expect.evidence)) wrong.push(`evidence: ${JSON.stringify(evidence)} lacks ${JSON.stringify(expect.evidence)}`);
  for (const text of expect.without ?? []) {
    if (JSON.stringify([finding, local[`trace:${id}`], check]).includes(JSON.stringify(text).slice(1, -1))) wrong.push(`${JSON.stringify(text)} is shown: ${JSON.stringify(evidence)}`);
  }
  const token = local[`token:${id}`]?.token;
  if (expect.token) {
    const { access_token, expires_in, scope, scopes, refresh_token, account, clock_skew } = expect.token;
    const fresh = textOf(access_token);
    if (token?.access_token !== fresh) wrong.push(`access_token: ${token?.access_token?.slice(0, 80)}`);
    is('expires_in', seconds(token?.obtained_ms, token?.expires_ms), expires_in);
    if (scope !== undefined) is('scope', token?.scope_granted, scope);
    if (scopes !== undefined) is('scopes', token?.scope_granted?.length, scopes);
    if (refresh_token !== undefined) is('refresh_token', token?.refresh_token, refresh_token === 'keeps' ? secrets.refresh_token : refresh_token);
    if (account !== undefined) is('account', token?.account, account);
    if (clock_skew !== undefined) is('clock_skew', Math.sign(token?.clock_skew_ms ?? 0), { ahead: 1, behind: -1 }[clock_skew] ?? 0);
  } else is('the token', token?.access_token, command === 'Authorize' ? undefined : secrets.access_token);
  if (group === 'refresh') is('the refresh token is given up', Boolean(token?.refresh_refused_ms), Boolean(expect.dead));
  if (expect.account) for (const [member, wanted] of Object.entries(expect.account)) is(member, check?.account?.[member], wanted);
  if (expect.introspection) {
    const { expires_at, ...said } = expect.introspection;
    for (const [member, wanted] of Object.entries(said)) is(member, check?.introspection?.[member], wanted);
    if (expires_at !== undefined) is('expires_at', check?.introspection?.expires_ms, expires_at === null ? null : expires_at * 1000);
  }
  const asked = log.filter(({ path, form, query, headers }) =>
    endpoint === 'userinfo' || endpoint === 'rest'
      ? headers.authorization === `Bearer ${secrets.access_token}`
      : (form?.client_id ?? query?.client_id) === client_id && (endpoint !== 'token' || path === '/oauth/v2/accessToken'),
  );
  for (const { query } of asked) {
    const shown = JSON.stringify([finding, local[`trace:${id}`]]);
    if (query?.state && shown.includes(query.state)) wrong.push('the state is shown');
  }
  const requests = endpoint === 'authorization' && expect.token ? 2 : (expect.requests ?? 1);
  if (requests !== 'any') is('requests', asked.length, requests);
  return wrong.map((line) => `${group} / ${entry.name}: ${line}`);
}

/** Nothing went where it does not belong: no other host, no cookie, no tab, no rule, no secret. */
async function nothingElse(cases, tabs) {
  const { sandbox, browser } = on;
  const log = await sandbox.log();
  assert.deepEqual(log.filter(({ host }) => SECOND_HOSTS.includes(host.split(':')[0])).map(({ host, path }) => host + path), []);
  const { redirect_host_requests, refused_hosts } = await sandbox.counters();
  assert.equal(redirect_host_requests, 0);
  assert.deepEqual(refused_hosts.filter((host) => /tokenkeep|example/.test(host)), []);
  assert.deepEqual(log.filter(({ headers }) => headers.cookie).map(({ path }) => path), [], 'no cookie was kept');
  assert.deepEqual((await browser.pages()).map(({ url }) => url).sort(), tabs);
  const { local, session } = await still.evaluate(async () => ({
    local: await chrome.storage.local.get(null),
    session: await chrome.storage.session.get(null),
  })).then(({ local: stored, session }) => ({ local: records(stored), session }));
  // A code is watched as long as it lives.
  if (cases.every(({ group }) => group !== 'code')) {
    await until('no rule is left', async () => (await on.tokenkeep.sessionRules()).length === 0);
  }
  assert.ok(cases.every(({ id }) => local[`profile:${id}`] && local[`secret:${id}`]), 'every profile is there');
  assert.deepEqual(session.engine?.flows ?? [], []);
  const found = [];
  for (const [key, value] of Object.entries({ ...local, ...session })) {
    if (/^(token|secret):/.test(key)) continue;
    const text = JSON.stringify(value);
    const at = text.search(new RegExp(MARK.slice(0, 4)));
    if (at >= 0) found.push(`${cases.find(({ id }) => key.endsWith(id))?.name ?? key}: ${key.split(':')[0]} … ${text.slice(Math.max(0, at - 60), at + 40)}`);
  }
  assert.deepEqual(found, [], 'no secret stands in what is shown');
}

/** What stands in storage and in the sandbox's log when all is over. */
async function outcome() {
  const { local, engine } = await still.evaluate(async () => ({
    local: await chrome.storage.local.get(null),
    engine: (await chrome.storage.session.get('engine')).engine ?? { flows: [], ended: [] },
  }));
  return { local: records(local), engine, log: await on.sandbox.log() };
}

/** Opens the page that shows them all and every card's finding: what is markup there is text, and no secret. */
async function shown(cases) {
  const entries = cases.map(({ id, client_id }) => ({ ...model.entry, id, name: client_id }));
  const before = await still.evaluate(() => chrome.storage.local.get('index'));
  await still.evaluate((written) => chrome.storage.local.set(written), items({ index: { entries } }, before));
  const tokenkeep = await Tokenkeep.open(on.browser);
  await tokenkeep.shown('view-home');
  const { page } = tokenkeep;
  await until('all cards are there', () =>
    page.evaluate((count) => {
      const more = document.querySelector('#profiles-more');
      if (!more.hidden) more.click();
      return document.querySelectorAll('li.profile').length === count;
    }, cases.length),
  );
  const read = await page.evaluate(async () => {
    const texts = [];
    for (const card of document.querySelectorAll('li.profile')) {
      card.querySelector('.profile-toggle').click();
      await new Promise((done) => setTimeout(done));
      texts.push(card.textContent + [...card.querySelectorAll('input, textarea')].map((field) => field.value).join(' '));
    }
    const strange = document.querySelectorAll('li.profile script, li.profile img[src="x"], li.profile [onerror], li.profile svg[onload]');
    return { text: texts.join('\n'), strange: strange.length, scripts: document.scripts.length, ran: document.body.dataset.hostile };
  });
  assert.equal(read.strange, 0);
  assert.equal(read.ran, undefined);
  const at = read.text.indexOf(MARK.slice(0, 4));
  assert.equal(at < 0 ? '' : read.text.slice(Math.max(0, at - 100), at + 20), '', 'no secret is shown');
  assert.doesNotMatch(read.text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200d\u202a-\u202e\u2066-\u2069\ufeff]/);
  await page.close();
}

/** For those who authorize in a tab: the app is known, the member has signed in and consented. */
async function consented(cases) {
  const { sandbox } = on;
  const { username } = sandbox.ready.member;
  const scopes = ['openid', 'profile', 'email'];
  for (const { client_id, secrets } of cases) {
    await sandbox.app({ client_id, client_secret: secrets.client_secret, redirect_uris: [REDIRECT_URI], scopes });
    await sandbox.grant(client_id, username, scopes);
  }
  await sandbox.session(username);
}

/** Gives these answers and looks at everything that came of them. */
async function give(cases, lanes = 6) {
  const inTabs = cases.every(({ group }) => group === 'code');
  await prepare(cases);
  if (inTabs) await consented(cases);
  const tabs = (await on.browser.pages()).map(({ url }) => url).sort();
  // One tab after the other.
  await run(cases, inTabs ? 1 : lanes);
  const all = await outcome();
  assert.deepEqual(cases.flatMap((entry) => problems(entry, all)), []);
  if (inTabs) {
    assert.equal((await on.sandbox.counters()).second_code_posts, 0);
    // Their results are shown in tabs.
    await closeOthers(on.browser, still);
  }
  await nothingElse(cases, tabs);
  await shown(cases);
}

/** Half a minute passes until these end. */
const takesTime = ({ expect }) => expect.transport === 'timeout' || expect.slow === true;
/** A worker that knows of hundreds of flows that have ended writes them all at every step. */
const AT_ONCE = 70;

for (const group of Object.keys(GROUPS)) {
  test(`answers of a hostile server end as the table says: ${group}`, { timeout: 300_000 }, async () => {
    const cases = casesOf(group).filter((entry) => !takesTime(entry));
    for (let start = 0; start < cases.length; start += AT_ONCE) await give(cases.slice(start, start + AT_ONCE));
  });
}

test('answers of a hostile server that never come end as the table says', { timeout: 120_000 }, async () => {
  const cases = Object.keys(GROUPS).flatMap((group) => casesOf(group).filter(takesTime));
  await give(cases, cases.length);
});
