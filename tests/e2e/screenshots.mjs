#!/usr/bin/env node
// `cargo xtask screenshots`: every page in every state, light and dark, at its own size, at 200 % zoom and at 360 px.
//
//   node screenshots.mjs [--browser chromium|firefox] [--only name]
//
// Writes target/screenshots/<browser>/<state>-<size>-<scheme>.png and checks on each picture that nothing is cut off or too
// small and that no rule of axe-core is broken. Ends with a list of what is wrong, and 1, or with 0.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { WITHOUT_WEBASSEMBLY, launch } from './lib/browser.mjs';
import { Check } from './lib/check.mjs';
import { browserName, screenshotDirectory } from './lib/environment.mjs';
import { refuseWrites, takeWrites } from './lib/full.mjs';
import { DAY_MS, giveToken } from './lib/holder.mjs';
import { axeViolations, misfits } from './lib/look.mjs';
import { Manager } from './lib/manager.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { storedText } from './lib/stored.mjs';
import { Tokenkeep, fill, throughReloads, typeInto } from './lib/tokenkeep.mjs';
import { settled, until } from './lib/until.mjs';
import { keyGone, lock, protect, shows, unlock } from './lib/vault.mjs';

const { values: options } = parseArgs({ options: { browser: { type: 'string' }, only: { type: 'string' } } });
const name = browserName(options.browser);
const directory = screenshotDirectory();

/** A page zoomed to 200 % has half the width for its layout. The popup is 380 px wide and, in a tab, as wide as that. */
const SIZES = {
  popup: { plain: { width: 380, tab: false, scale: 2 }, zoom: { width: 640, tab: true }, narrow: { width: 360, tab: false } },
  tab: { plain: { width: 1280, tab: true }, zoom: { width: 640, tab: true }, narrow: { width: 360, tab: true } },
  manager: { plain: { width: 1280 }, zoom: { width: 640 }, narrow: { width: 360 } },
};
const HEIGHT = { popup: 240, tab: 600, manager: 720 };

/** What the states share: a browser with a sandbox, a popup's page, and a manager once one is needed. */
class Studio {
  static async start(more = {}) {
    const studio = new Studio();
    studio.sandbox = await Sandbox.start();
    try {
      studio.browser = await launch(name, { sandbox: studio.sandbox, ...more });
    } catch (error) {
      await studio.sandbox.stop();
      throw error;
    }
    return studio;
  }

  async stop() {
    await this.browser.close();
    await this.sandbox.stop();
  }

  /** The first run, with LinkedIn's hosts granted and the member signed in. */
  async startOver() {
    this.popup ??= await Tokenkeep.open(this.browser);
    await this.popup.grantHosts();
    await this.popup.startOver();
    await this.sandbox.session(this.sandbox.ready.member.username);
    this.manager = undefined;
    return this.popup;
  }

  /** A profile with a token, its card open. */
  async token(more = {}) {
    const check = await Check.of(this.popup, { name: 'Production', ...more });
    await this.popup.expand(check.id);
    this.check = check;
    return check;
  }

  /** A profile whose flow fails by `arrange`; its card open. */
  async failing(arrange, more = {}) {
    const id = await this.popup.addSandboxProfile('live_https', { name: 'Production', ...more });
    const flow = await this.popup.authorize(id);
    await arrange(flow);
    await this.popup.finding(id);
    await this.popup.front();
    return id;
  }

  /** The token endpoint answers this once the person has allowed. */
  async answering(status, body, content_type = 'application/json') {
    await this.sandbox.fault('token', { kind: 'answer', status, body, content_type }, 3);
    return this.failing((flow) => flow.consent());
  }

  /** Profiles as the form saves them, from `[name, look, more]`; returns their ids. */
  async profiles(...wanted) {
    const ids = [];
    for (const [title, look = {}, more = {}] of wanted) ids.push(await this.popup.sendProfile({ name: title, look, ...more }));
    await this.popup.reload();
    return ids;
  }

  /** A token in storage, as a flow leaves one. */
  async give(id, days, more = {}) {
    const obtained_ms = Date.now() - (60 - days) * DAY_MS;
    const expires_ms = obtained_ms + 60 * DAY_MS - 1000;
    await giveToken(this.popup, id, { obtained_ms, expires_ms, ...more });
    await this.popup.inState(id, days > 0 ? 'token' : 'expired');
  }

  /** Four profiles, each in another state. */
  async four() {
    const ids = await this.profiles(
      ['Billing service', { label: 'production', icon: 'BI', color: 'teal' }],
      ['Company page bot', { label: 'staging', icon: '🚀', color: 'violet' }],
      ['Ads reporting', { icon: 'AR', color: 'orange' }],
      ['A profile with a name that is longer than there is room for in a popup', { label: 'development', color: 'blue' }],
    );
    await this.give(ids[0], 58);
    await this.give(ids[1], -1);
    await this.sandbox.redirect('302', { once: true, error: { error: 'user_cancelled_authorize' } });
    await (await this.popup.authorize(ids[3])).consent();
    await this.popup.inState(ids[3], 'failed');
    await this.popup.front();
    return ids;
  }

  /** The manager at one of its sections. */
  async manage(hash, view) {
    this.manager ??= await Manager.open(this.browser);
    await this.manager.go(hash, view);
    return this.manager;
  }

  async paste(text) {
    const manager = await this.manage('transfer', 'view-transfer');
    await manager.paste(text);
  }
}

/** What LinkedIn's API says of a scope that the token lacks. */
const DENIED = {
  status: 403,
  serviceErrorCode: 100,
  code: 'ACCESS_DENIED',
  message: 'Not enough permissions to access: me.GET.NO_VERSION',
};
const CURL = `curl -X POST https://www.linkedin.com/oauth/v2/accessToken \\
  -d grant_type=authorization_code -d client_id=78abcdefghijkl --data-urlencode 'client_secret=WPL_AP1.0123456789abcdef.a+/b==' \\
  -d redirect_uri=https://app.tokenkeep.test/cb -d scope=openid -d code=x`;

/**
 * The states in their order: `[name, page, reach]`. `reach` goes on from the state before or starts over; a page that it
 * returns is the one that shows the state.
 */
const STATES = [
  ['first-run', 'popup', (studio) => void studio],
  ['first-run-tab', 'tab', (studio) => void studio],
  [
    'form-errors',
    'popup',
    async ({ popup }) => {
      await popup.fillSetup({ client_id: '', client_secret: '', redirect_uri: 'http://app.tokenkeep.test/cb', scope: '' });
      await popup.click('#setup_save');
      await until('it is refused', () => popup.visible('#client_id_error'));
    },
  ],
  [
    'form-advanced',
    'popup',
    async ({ popup }) => {
      await popup.reload();
      await popup.fillSetup({ redirect_uri: 'https://app.tokenkeep.test/cb?id=1', scope: 'openid r_liteprofile r_member_social' });
      await popup.unfold('#advanced');
    },
  ],
  [
    'form-two-legged',
    'popup',
    async ({ popup }) => {
      await popup.reload();
      await popup.fillSetup({ provider: 'linkedin-application' });
      await popup.unfold('#advanced');
    },
  ],
  [
    'ready',
    'popup',
    async (studio) => {
      const popup = await studio.startOver();
      studio.id = await popup.addSandboxProfile('live_https', { name: 'Production' });
      await popup.expand(studio.id);
    },
  ],
  [
    'waiting-permission',
    'popup',
    async ({ popup, browser, id }) => {
      await popup.removeHosts();
      await browser.setPrompts('ask');
      await popup.click(`${popup.card(id)} .profile-main`);
      await popup.inState(id, 'waiting_permission');
    },
  ],
  [
    'running',
    'popup',
    async (studio) => {
      await studio.browser.setPrompts('allow');
      const popup = await studio.startOver();
      await studio.sandbox.signOut();
      const id = await popup.addSandboxProfile('live_https', { name: 'Production' });
      studio.flow = await popup.authorize(id);
      await studio.flow.signIn();
      await popup.front();
      await popup.expand(id);
    },
  ],
  [
    'result',
    'tab',
    async ({ browser, flow }) => {
      await flow.complete();
      const page = await until('the result page is open', async () =>
        (await browser.pages()).find(({ url }) => url === `${browser.origin}/popup.html#${flow.id}`)?.page,
      );
      await new Tokenkeep(browser, page).inState(flow.profile, 'token');
      return page;
    },
  ],
  [
    'token-closed',
    'popup',
    async (studio) => {
      await studio.startOver();
      const { card } = await studio.token();
      await studio.popup.click(`${card} .profile-toggle`);
    },
  ],
  ['token-open', 'popup', ({ popup, check }) => popup.click(`${check.card} .profile-toggle`)],
  ['token-revealed', 'popup', ({ popup, check }) => popup.click(`${check.card} .token-reveal`)],
  [
    'test-works',
    'popup',
    async ({ popup, check }) => {
      await popup.click(`${check.card} .token-reveal`);
      await check.test('works');
    },
  ],
  [
    'test-failed',
    'popup',
    async ({ sandbox, check }) => {
      await sandbox.fault('userinfo', { kind: 'answer', status: 403, body: JSON.stringify(DENIED) });
      await check.test('failed');
    },
  ],
  ['revoke', 'popup', ({ check }) => check.openRevoke()],
  ['revoked', 'popup', ({ check }) => check.revoke()],
  [
    'settling',
    'popup',
    async (studio) => {
      await studio.startOver();
      await studio.sandbox.quirks({ slow_activation_seconds: 200 });
      await (await studio.token()).test('settling');
    },
  ],
  [
    'last-day',
    'popup',
    async (studio) => {
      const popup = await studio.startOver();
      const [id] = await studio.profiles(['Production', {}, { renew_automatically: false }]);
      await studio.give(id, 0.6, { refresh_token: 'AQX-a-refresh-token-that-nobody-knows', refresh_expires_ms: Date.now() + 200 * DAY_MS });
      await popup.expand(id);
      studio.check = new Check(popup, id);
    },
  ],
  [
    'expired',
    'popup',
    async ({ popup, check }) => {
      await check.change({ expires_ms: Date.now() - DAY_MS / 2 });
      await popup.inState(check.id, 'expired');
    },
  ],
  [
    'needs-click',
    'popup',
    async (studio) => {
      const popup = await studio.startOver();
      const { card } = await studio.token();
      await studio.sandbox.signOut();
      await popup.click(`${card} .profile-renew`);
      await until('it is explained', () => popup.visible(`${card} .finding-what`));
    },
  ],
  [
    'unsaved',
    'popup',
    async (studio) => {
      const popup = await studio.startOver();
      const { client_id, client_secret } = studio.sandbox.ready.refresh_app;
      const { card } = await studio.token({ client_id, client_secret });
      await refuseWrites(studio.browser);
      await popup.click(`${card} .profile-renew`);
      await until('it is told', () => popup.visible(`${card} .finding-what`));
      await takeWrites(studio.browser);
    },
  ],
  [
    'click-failed',
    'popup',
    async (studio) => {
      const popup = await studio.startOver();
      const { card } = await studio.token();
      await refuseWrites(studio.browser);
      await popup.page.select(`${card} .copy-format`, 'dotenv');
      await popup.click(`${card} .copy-as`);
      await until('it is told', () => popup.visible('#failed'));
      await takeWrites(studio.browser);
    },
  ],
  [
    'failed-cancelled',
    'popup',
    async (studio) => {
      await studio.startOver();
      await studio.sandbox.redirect('302', { once: true, error: { error: 'user_cancelled_authorize' } });
      await studio.failing((flow) => flow.consent());
    },
  ],
  [
    'failed-secret',
    'popup',
    async (studio) => {
      await studio.startOver();
      await studio.answering(401, JSON.stringify({ error: 'invalid_client', error_description: 'Client authentication failed' }));
    },
  ],
  [
    'failed-page',
    'popup',
    async (studio) => {
      const popup = await studio.startOver();
      const id = await studio.answering(200, '<html><title>Proxy</title><p>Sign in to the guest network</p></html>', 'text/html');
      await popup.click(`${popup.card(id)} .finding-evidence summary`);
    },
  ],
  [
    'failed-scope',
    'popup',
    async (studio) => {
      await studio.startOver();
      await studio.failing((flow) => flow.outcome(), { scope: 'r_liteprofile email' });
    },
  ],
  [
    'failed-redirect-uri',
    'popup',
    async (studio) => {
      await studio.startOver();
      studio.failed = await studio.failing((flow) => flow.outcome(), { redirect_uri: 'https://app.tokenkeep.test/Callback/' });
    },
  ],
  [
    'failed-redirect-uri-compared',
    'popup',
    async ({ popup, failed }) => {
      await typeInto(popup.page, `${popup.card(failed)} .compare-registered`, 'https://app.tokenkeep.test/callback');
    },
  ],
  [
    'lifetime',
    'popup',
    async (studio) => {
      const popup = await studio.startOver();
      const [id] = await studio.profiles(['Production', {}, { renew_automatically: false }]);
      await studio.give(id, 4.5, { refresh_token: null, refresh_expires_ms: null });
      await popup.expand(id);
      await popup.click(`${popup.card(id)} .lifetime-what`);
    },
  ],
  [
    'two-legged',
    'popup',
    async (studio) => {
      const popup = await studio.startOver();
      const id = await popup.addProfile({
        provider: 'linkedin-application',
        client_id: '86sandbox2leg1',
        client_secret: 'Sandbox2Legged01',
        name: 'Nightly job',
      });
      await popup.expand(id);
      await popup.click(`${popup.card(id)} .profile-main`);
      await popup.inState(id, 'token');
    },
  ],
  [
    'four',
    'popup',
    async (studio) => {
      await studio.startOver();
      studio.ids = await studio.four();
      // What failed opens by itself.
      await studio.popup.click(`${studio.popup.card(studio.ids[3])} .profile-toggle`);
    },
  ],
  ['four-open', 'popup', ({ popup, ids }) => popup.expand(ids[0])],
  ['manager-profiles', 'manager', (studio) => studio.manage('profiles', 'view-profiles')],
  ['manager-traces', 'manager', (studio) => studio.manage('traces', 'view-traces')],
  ['manager-traces-open', 'manager', ({ manager }) => manager.click('.trace summary')],
  ['manager-settings', 'manager', (studio) => studio.manage('settings', 'view-settings')],
  [
    'manager-settings-clipboard',
    'manager',
    async ({ manager }) => {
      // As after a granted permission, which nobody can grant here.
      await manager.page.evaluate(() => {
        document.querySelector('#clear_clipboard').checked = true;
        document.querySelector('#clear_after_row').hidden = false;
      });
    },
  ],
  [
    'manager-settings-clipboard-missing',
    'manager',
    async (studio) => {
      const { template, ...settings } = (await studio.popup.record('settings')) ?? { remind_days: [14, 3, 1], notify: false };
      await studio.popup.put({ settings: { ...settings, template: template ?? null, clear_after_s: 60 } });
      await until('it is told', () => studio.manager.visible('#clear_clipboard_missing'));
    },
  ],
  [
    'manager-wipe',
    'manager',
    async ({ manager }) => {
      await manager.click('#wipe_open');
      await manager.click('#wipe_sure');
    },
  ],
  [
    'manager-wipe-working',
    'manager',
    ({ manager }) =>
      manager.page.evaluate(() => {
        document.querySelector('#wipe_working').hidden = false;
        for (const id of ['access', 'sure', 'cancel', 'go']) document.querySelector(`#wipe_${id}`).disabled = true;
      }),
  ],
  [
    'manager-wiped',
    'manager',
    async (studio) => {
      const wipe = { access: true, asked: true, revoked: 2, kept: 1, blocking: true, done: true };
      // Every page loads itself anew over it.
      await studio.manager.page.evaluate((record) => void setTimeout(() => chrome.storage.session.set({ wipe: record }), 100), wipe);
      await throughReloads('it is told', () => studio.manager.visible('#wiped'));
    },
  ],
  [
    'manager-settings-error',
    'manager',
    async (studio) => {
      await studio.manager.click('#wiped_ok');
      await studio.manager.shown('view-profiles');
      const manager = await studio.manage('settings', 'view-settings');
      await typeInto(manager.page, '#remind_days', '14, six');
      await manager.click('#settings_save');
    },
  ],
  ['manager-export', 'manager', (studio) => studio.manage('transfer', 'view-transfer')],
  [
    'manager-import',
    'manager',
    async (studio) => {
      await studio.paste(CURL);
      await until('it is recognized', () => studio.manager.visible('.found'));
    },
  ],
  [
    'manager-import-error',
    'manager',
    async (studio) => {
      await studio.paste('LINKEDIN_ACCESS_TOKEN=AQXdSP_W41_UPs5ioT_t8HESyODB4FqbkJ8LrV_5mff4gPODzOYR');
      await until('it is refused', () => studio.manager.visible('#import_error'));
    },
  ],
  [
    'manager-explain',
    'manager',
    async (studio) => {
      const manager = await studio.manage('explain', 'view-explain');
      await fill(
        manager.page,
        '#explain_text',
        'HTTP/2 426\ncontent-type: application/json\nx-li-uuid: AAYAbc==\n\n{"status":426,"code":"NONEXISTENT_VERSION","message":"Requested version 20240201 is not active"}',
      );
      await until('it is explained', () => manager.visible('#explain_found .finding'));
    },
  ],
  [
    'manager-explain-unknown',
    'manager',
    async ({ manager }) => {
      await fill(
        manager.page,
        '#explain_text',
        `curl -H 'Authorization: Bearer AQXdSP_W41_UPs5ioT_t8HESyODB4FqbkJ8LrV_5mff4gPODzOYR' https://api.linkedin.com/rest/${'a-very-long-path/'.repeat(12)}`,
      );
      await until('it is told', async () => /knows no error/.test(await manager.text('#explain_found .finding-what')));
    },
  ],
  [
    'manager-edit',
    'manager',
    async (studio) => {
      await studio.paste('');
      await studio.manage(`profile=${studio.ids[0]}`, 'view-setup');
    },
  ],
  [
    'manager-scopes',
    'manager',
    async ({ manager }) => {
      await typeInto(manager.page, '#scope', 'openid profile r_emailaddress r_member_social');
      await manager.click('.product summary');
    },
  ],
  ['manager-scope-search', 'manager', ({ manager }) => typeInto(manager.page, '#scope_search', 'email')],
  [
    'manager-scope-warning',
    'manager',
    async ({ manager }) => {
      await manager.click('#setup_save');
      await until('it asks', () => manager.visible('#scope_warning'));
    },
  ],
  [
    'manager-undo',
    'manager',
    async (studio) => {
      const { manager } = studio;
      await manager.click('#scope_warning_cancel');
      await studio.manage('profiles', 'view-profiles');
      await manager.click(`${manager.row(studio.ids[3])} .row-delete`);
      await until('Undo is offered', () => manager.visible('#undo'));
    },
  ],
  [
    'manager-many',
    'manager',
    async (studio) => {
      const names = Array.from({ length: 60 }, (_, number) => [`Customer ${number + 1}`, { color: 'blue' }]);
      await studio.profiles(...names);
      await until('more are offered', () => studio.manager.visible('#rows_more'));
    },
  ],
  ['manager-search', 'manager', ({ manager }) => typeInto(manager.page, '#search', 'ads')],
  ['manager-search-none', 'manager', ({ manager }) => typeInto(manager.page, '#search', 'nobody')],
  ['many', 'popup', ({ popup }) => popup.reload()],
  [
    'manager-first-run',
    'manager',
    async (studio) => {
      await studio.startOver();
      studio.manager = await Manager.open(studio.browser);
    },
  ],
  ['manager-import-empty', 'manager', (studio) => studio.manage('transfer', 'view-transfer')],
  ['manager-traces-none', 'manager', (studio) => studio.manage('traces', 'view-traces')],
  [
    'manager-passphrase',
    'manager',
    async (studio) => {
      await studio.profiles(['Production', { label: 'production', color: 'teal' }], ['Staging', { label: 'staging', color: 'orange' }]);
      studio.manager = await protect(studio.popup);
    },
  ],
  ['unlocked', 'popup', ({ popup }) => popup.reload()],
  ['locked', 'popup', ({ popup }) => lock(popup)],
  [
    'locked-waiting',
    'popup',
    async ({ popup }) => {
      await keyGone(popup);
      await popup.put({ waiting: { renewals_ms: [1, 2], ends_ms: [] } });
      await popup.reload();
    },
  ],
  [
    'locked-wrong',
    'popup',
    async ({ popup }) => {
      await unlock(popup, 'another passphrase');
      await until('it is refused', () => popup.visible('#locked_error'));
    },
  ],
  ['locked-forgot', 'popup', ({ popup }) => popup.unfold('#view-locked details')],
  ['manager-locked', 'manager', ({ manager }) => shows(manager, 'view-locked')],
  [
    'damaged',
    'popup',
    async (studio) => {
      await studio.startOver();
      const names = [['Production', { label: 'production', color: 'teal' }], ['Staging', { label: 'staging', color: 'orange' }]];
      const [first, second] = await studio.profiles(...names);
      const records = [
        { key: `secret:${second}`, outcome: 'Lost' },
        { key: `token:${first}`, outcome: 'Older' },
        { key: 'index', outcome: 'Restored' },
      ];
      await studio.popup.put({ damage: { records } });
      await until('the notice shows', () => studio.popup.visible('#damage'));
    },
  ],
  [
    'manager-recovery',
    'manager',
    async (studio) => {
      studio.manager = await Manager.open(studio.browser, '#recovery');
      await studio.manager.shown('view-recovery');
    },
  ],
  [
    'storage-newer',
    'popup',
    async (studio) => {
      await studio.startOver();
      const newer = { schema: 999, keys: storedText('keys', { schema: 999, keys: [] }, 2 ** 52) };
      await studio.popup.page.evaluate((items) => chrome.storage.local.set(items), newer);
      await studio.popup.reload();
      await studio.popup.shown('view-error');
    },
  ],
];

/** The same in a browser that runs no WebAssembly. */
const BROKEN = [['webassembly-off', 'tab', (studio) => void studio]];

/** What is wrong, and the pictures that show it. */
const problems = new Map();
let count = 0;

/** Pictures of a state at each size in each scheme. */
async function portray(browser, page, kind, state) {
  await page.bringToFront();
  // Nothing is pointed at.
  await page.mouse.move(0, 0);
  for (const [size, { width, tab, scale: deviceScaleFactor = 1 }] of Object.entries(SIZES[kind])) {
    await page.setViewport({ width, height: HEIGHT[kind], deviceScaleFactor });
    if (tab !== undefined) {
      await page.evaluate((mode) => {
        if (mode) document.documentElement.dataset.mode = 'tab';
        else delete document.documentElement.dataset.mode;
      }, tab);
    }
    await settled(page);
    const whole = await page.evaluate(() => document.documentElement.scrollHeight);
    await page.setViewport({ width, height: Math.max(whole, HEIGHT[kind]), deviceScaleFactor });
    for (const scheme of ['light', 'dark']) {
      const title = `${state}-${size}-${scheme}`;
      await browser.setColorScheme(page, scheme);
      const found = [...(await misfits(page)), ...(await axeViolations(page))];
      for (const problem of found) problems.set(problem, [...(problems.get(problem) ?? []), title]);
      await page.screenshot({ path: join(directory, `${title}.png`) });
      count += 1;
    }
  }
}

/** Goes through states; those that are not asked for are only reached. */
async function go(studio, states) {
  for (const [state, kind, reach] of states) {
    const began = performance.now();
    let shown;
    try {
      shown = await reach(studio);
    } catch (error) {
      throw new Error(`${state}: ${error.message}`);
    }
    const page = typeof shown?.screenshot === 'function' ? shown : studio[kind === 'manager' ? 'manager' : 'popup'].page;
    if (options.only && !state.includes(options.only)) continue;
    await portray(studio.browser, page, kind, state);
    console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${state}`);
  }
}

let studio;
try {
  for (const file of await readdir(directory)) if (file.endsWith('.png')) await rm(join(directory, file));
  studio = await Studio.start();
  console.log(`${await studio.browser.browser.version()} started with the packed extension`);
  await studio.startOver();
  await go(studio, STATES);
  await studio.stop();
  studio = await Studio.start(WITHOUT_WEBASSEMBLY[name]);
  studio.popup = await Tokenkeep.open(studio.browser);
  await go(studio, BROKEN);
  console.log(`${count} pictures in ${directory}`);
  if (options.only && count === 0) throw new Error(`no state's name contains ${options.only}`);
  for (const [problem, titles] of problems) console.error(`\nwrong: ${problem}\n  ${titles.join('\n  ')}`);
  if (problems.size > 0) throw new Error(`${problems.size} things are wrong`);
} catch (error) {
  console.error(`screenshots: ${error.message}`);
  process.exitCode = 1;
} finally {
  await studio?.stop().catch(() => {});
}
