// The main job as a person does it, and what the page shows on the way.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, test } from 'node:test';
import { promisify } from 'node:util';

import { Holder } from './lib/holder.mjs';
import { BROWSER, onlyIn, stage } from './lib/stage.mjs';
import { Tokenkeep, clickAway, typeInto } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const run = promisify(execFile);
const on = await stage();

beforeEach(() => on.tokenkeep.startOver());

test('first run: from the empty form to a token on the clipboard', async () => {
  const { tokenkeep, sandbox, browser } = on;
  const { app, redirect_hosts: hosts, member } = sandbox.ready;
  await tokenkeep.removeHosts();
  await tokenkeep.front();

  await typeInto(tokenkeep.page, '#client_id', app.client_id);
  await typeInto(tokenkeep.page, '#client_secret', app.client_secret);
  await typeInto(tokenkeep.page, '#redirect_uri', hosts.live_https);
  await typeInto(tokenkeep.page, '#scope', 'openid profile email');
  // The hosts are named before the browser asks for them.
  await until('both hosts are named', async () => {
    const text = await tokenkeep.text('#setup_hosts');
    return text.includes('www.linkedin.com') && text.includes('app.tokenkeep.test');
  });
  await tokenkeep.click('#setup_submit');
  const id = await tokenkeep.saved();
  const flow = await tokenkeep.startedFlow(id);
  assert.deepEqual((await tokenkeep.hosts()).sort(), ['https://app.tokenkeep.test/*', 'https://www.linkedin.com/*']);

  await tokenkeep.inState(id, 'running');
  const page = await flow.tab();
  await until('the sign-in page is there', () => page.$('#sign-in'));
  await page.bringToFront();
  await typeInto(page, '#username', member.username);
  await typeInto(page, '#password', member.password);
  await clickAway(page, '#sign-in');
  await until('LinkedIn asks for consent', async () => (await flow.asked(page)) === '#allow');
  await flow.complete();

  await tokenkeep.inState(id, 'token');
  const result = await flow.resultPage();
  await result.inState(id, 'token');
  await until('the flow tab is closed', async () =>
    (await browser.tabs()).every(({ url }) => !/linkedin\.com|tokenkeep\.test|error/.test(url)),
  );

  await result.click(`${result.card(id)} .profile-main`);
  const token = await tokenkeep.storedToken(id);
  assert.match(token, /^\S{40,}$/);
  await until('the token is on the clipboard', async () => (await browser.readClipboard()) === token);

  const { counters, codes } = await sandbox.state();
  assert.equal(counters.redirect_host_requests, 0);
  assert.equal(counters.authorization_requests, 1);
  assert.equal(counters.token_posts, 1);
  assert.equal(counters.second_code_posts, 0);
  assert.deepEqual(codes.map(({ redeemed, posts }) => ({ redeemed, posts })), [{ redeemed: true, posts: 1 }]);
});

test('the requests are what LinkedIn documents, byte for byte where it matters', async () => {
  const { tokenkeep, sandbox } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  await (await tokenkeep.authorize(id)).complete();
  const [authorization] = await sandbox.authorizationRequests();
  const { app, redirect_hosts: hosts } = sandbox.ready;
  assert.deepEqual(Object.keys(authorization.query).sort(), ['client_id', 'redirect_uri', 'response_type', 'scope', 'state']);
  assert.equal(authorization.query.client_id, app.client_id);
  assert.equal(authorization.query.redirect_uri, hosts.live_https);
  assert.equal(authorization.query.response_type, 'code');
  assert.equal(authorization.query.scope, 'openid profile email');
  assert.ok(authorization.query.state.length >= 22, 'state has at least 128 bits');

  const [exchange] = await sandbox.tokenRequests();
  assert.equal(exchange.method, 'POST');
  assert.deepEqual(Object.keys(exchange.form).sort(), ['client_id', 'client_secret', 'code', 'grant_type', 'redirect_uri']);
  assert.equal(exchange.form.client_secret, app.client_secret, 'the secret arrives whole, + / and == included');
  assert.equal(exchange.form.redirect_uri, hosts.live_https);
  assert.match(exchange.headers['content-type'], /^application\/x-www-form-urlencoded/);
  assert.equal(exchange.headers.cookie, false, 'no cookie');
  assert.equal(exchange.headers.origin, undefined, 'no Origin');
  assert.equal(exchange.headers.referer, undefined, 'no Referer');
  assert.equal(exchange.headers.authorization, undefined, 'no Authorization');
});

test('the native app uses PKCE and no secret', async () => {
  const { tokenkeep, sandbox } = on;
  const native = sandbox.ready.native_app;
  await tokenkeep.grantHosts(['http://127.0.0.1/*']);
  const id = await tokenkeep.addProfile({
    provider: 'linkedin-native',
    client_id: native.client_id,
    redirect_uri: native.redirect_uris?.[0] ?? 'http://127.0.0.1:8585/callback',
    scope: (native.scopes ?? ['openid', 'profile', 'email']).slice(0, 3).join(' '),
    name: 'native',
  });
  await (await tokenkeep.authorize(id)).complete();
  const log = await sandbox.log();
  const authorization = log.find(({ path }) => path === '/oauth/native-pkce/authorization');
  assert.equal(authorization.query.code_challenge_method, 'S256');
  assert.match(authorization.query.code_challenge, /^[\w-]{43}$/);
  const [exchange] = await sandbox.tokenRequests();
  assert.match(exchange.form.code_verifier, /^[\w.~-]{43,128}$/);
  assert.equal(exchange.form.client_secret, undefined);
});

test('the token is masked until it is asked for', async () => {
  const { tokenkeep } = on;
  const { id, card } = await Holder.of(tokenkeep);
  const token = await tokenkeep.storedToken(id);
  const value = `${card} .token-value`;
  const middle = token.slice(Math.floor(token.length / 3), Math.floor((2 * token.length) / 3));
  const whole = () => tokenkeep.page.evaluate(() => document.documentElement.outerHTML);
  assert.ok(!(await whole()).includes(middle), 'the page does not hold the token while it is masked');
  await tokenkeep.click(`${card} .token-reveal`);
  await until('the token is shown', async () => (await tokenkeep.text(value)) === token);
  await tokenkeep.click(`${card} .token-reveal`);
  await until('the token is masked again', async () => !(await whole()).includes(middle));
});

test('time left, account and granted scopes are shown', async () => {
  const { tokenkeep } = on;
  const { card } = await Holder.of(tokenkeep);
  assert.match(await tokenkeep.text(`${card} .token-left`), /\d/);
  assert.ok(await tokenkeep.page.$eval(`${card} .token-progress`, (bar) => bar.value > 90 && bar.max === 100));
  assert.match(await tokenkeep.text(`${card} .token-account`), /\S/);
  const scopes = await tokenkeep.page.$$eval(`${card} .scope`, (items) => items.map((item) => item.dataset.state));
  assert.deepEqual(scopes, ['granted', 'granted', 'granted']);
});

test('copies the token, the header, and a curl command that works', async (t) => {
  const { tokenkeep, browser, sandbox } = on;
  const { id, card } = await Holder.of(tokenkeep);
  const token = await tokenkeep.storedToken(id);
  const copied = async (button) => {
    const before = await browser.readClipboard().catch(() => '');
    await tokenkeep.click(`${card} .${button}`);
    return until(`${button} changed the clipboard`, async () => {
      const text = await browser.readClipboard();
      return text !== before && text;
    });
  };
  assert.equal(await copied('copy-header'), `Authorization: Bearer ${token}`);
  assert.equal(await copied('copy-token'), token);
  const curl = await copied('copy-curl');
  assert.ok(curl.startsWith('curl ') && curl.includes(token));

  const directory = await mkdtemp(join(tmpdir(), 'tokenkeep-curl-'));
  t.after(() => rm(directory, { recursive: true }));
  const bundle = join(directory, 'ca.pem');
  await writeFile(bundle, sandbox.ready.ca_pem);
  const { stdout } = await run('sh', ['-c', curl], {
    env: { PATH: process.env.PATH, https_proxy: `http://${sandbox.ready.proxy}`, CURL_CA_BUNDLE: bundle },
  });
  assert.match(stdout, /"sub"/, 'userinfo answered');
});

test('a refused redirect URI says at once why', async () => {
  const { tokenkeep, sandbox } = on;
  const { app } = sandbox.ready;
  const reasons = {
    '/callback': /whole address/,
    'https://app.tokenkeep.test/cb#x': /#/,
    'https://*.tokenkeep.test/cb': /wildcard/,
    'http://app.tokenkeep.test/cb': /localhost only/,
  };
  for (const [redirect_uri, reason] of Object.entries(reasons)) {
    await tokenkeep.fillSetup({ client_id: app.client_id, client_secret: app.client_secret, redirect_uri, scope: 'openid' });
    await tokenkeep.click('#setup_save');
    await until(`${redirect_uri} is refused`, async () => reason.test(await tokenkeep.text('#redirect_uri_error')));
    assert.equal(await tokenkeep.visible('#redirect_uri_error'), true);
  }
  assert.deepEqual(await tokenkeep.index(), []);
});

test('keyboard only, from the form to the copied token', async () => {
  const { tokenkeep, browser, sandbox } = on;
  const { app, redirect_hosts: hosts, member } = sandbox.ready;
  const { page } = tokenkeep;
  await tokenkeep.front();
  // Tab reaches every field in order; the form is sent by Enter.
  const reach = async (keys, target, selector) => {
    for (let count = 0; count < 40; count += 1) {
      if (await target.evaluate((css) => document.activeElement?.matches(css) ?? false, selector)) return;
      await keys.press('Tab');
    }
    throw new Error(`Tab does not reach ${selector}`);
  };
  const write = async (selector, value) => {
    await reach(page.keyboard, page, selector);
    await page.$eval(selector, (field) => field.select());
    await page.keyboard.type(value);
  };
  await write('#client_id', app.client_id);
  await write('#client_secret', app.client_secret);
  await write('#redirect_uri', hosts.dead_loopback);
  await write('#scope', 'openid profile email');
  await page.keyboard.press('Enter');
  const id = await tokenkeep.saved();
  const flow = await tokenkeep.startedFlow(id);

  const linkedin = await flow.tab();
  await until('the sign-in page is there', () => linkedin.$('#sign-in'));
  await linkedin.bringToFront();
  await reach(linkedin.keyboard, linkedin, '#username');
  await linkedin.keyboard.type(member.username);
  await linkedin.keyboard.press('Tab');
  await linkedin.keyboard.type(member.password);
  await linkedin.keyboard.press('Enter');
  await until('consent is asked for', () => linkedin.$('#allow'));
  await reach(linkedin.keyboard, linkedin, '#allow');
  await linkedin.keyboard.press('Enter').catch(() => {
    // The tab may be gone before the key is up.
  });
  assert.equal(await flow.outcome(), 'Token');

  const result = await flow.resultPage();
  await result.inState(id, 'token');
  await result.front();
  const focusable = `${result.card(id)} .profile-main`;
  await reach(result.page.keyboard, result.page, focusable);
  const outline = await result.page.$eval(focusable, (button) => {
    const style = getComputedStyle(button);
    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  });
  assert.ok(outline, 'the focus is visible');
  await result.page.keyboard.press('Enter');
  const token = await tokenkeep.storedToken(id);
  await until('the token is on the clipboard', async () => (await browser.readClipboard()) === token);
});

test('the page shows the true state whenever it is opened', async () => {
  const { tokenkeep, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const reopened = async (...states) => {
    const popup = await Tokenkeep.open(browser);
    await popup.inState(id, ...states);
    return popup;
  };
  const close = async (popup) => popup.page.close();
  await close(await reopened('ready'));
  // Started by a popup that closes at once.
  const starter = await reopened('ready');
  const flow = await starter.authorize(id);
  await close(starter);
  flow.tokenkeep = tokenkeep;
  const running = await reopened('running');
  const steps = await running.page.$$eval(`${running.card(id)} .step`, (items) => items.map((item) => item.dataset.state));
  assert.deepEqual(steps.slice(0, 3), ['done', 'done', 'active']);
  await flow.signIn();
  await close(running);
  await close(await reopened('running'));
  await flow.consent();
  assert.equal(await flow.outcome(), 'Token');
  await close(await reopened('token'));
});

test('the popup of the toolbar shows the profile', onlyIn('chromium', 'BiDi does not reach the toolbar popup'), async () => {
  const { tokenkeep, browser } = on;
  const id = await tokenkeep.addSandboxProfile('live_https');
  const page = await browser.newPage();
  await page.goto('https://www.tokenkeep.test/');
  const popup = new Tokenkeep(browser, await browser.openToolbarPopup(page));
  await popup.shown('view-home');
  assert.equal(await popup.state(id), 'ready');
  const size = await popup.page.evaluate(() => ({
    width: innerWidth,
    scrolls: document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth,
  }));
  assert.ok(size.width >= 340 && size.width <= 420, `about 380 px wide, not ${size.width}`);
  assert.equal(size.scrolls, false);
  const flow = await tokenkeep.flowBy(id, () => popup.page.click(`${popup.card(id)} .profile-main`));
  await flow.complete();
});

test(`nothing but the sandbox was asked for by ${BROWSER}`, async () => {
  const { sandbox } = on;
  assert.deepEqual((await sandbox.counters()).refused_hosts, []);
});

