// The extension's page (popup.html in a tab), and what a person does with it and with LinkedIn's pages.

import assert from 'node:assert/strict';

import { items, records, storedText } from './stored.mjs';
import { until } from './until.mjs';

/** The lasting rule that always stands and matches nothing: Rule::anchor. */
const ANCHOR = 1_000_000_000;

/** Clicks something that may take its own page away. */
export async function clickAway(page, selector) {
  await page.bringToFront();
  try {
    await page.click(selector);
  } catch (error) {
    // The click was done when the page went; anything else is a real problem.
    if (!page.isClosed() && !/closed|detached|discarded|no such frame|navigat/i.test(error.message)) throw error;
  }
}

/** Closes every tab but this page's. The extension closes tabs of its own accord, and may be at it. */
export async function closeOthers(browser, kept) {
  for (const { page } of await browser.pages()) {
    if (page === kept) continue;
    try {
      await page.close();
    } catch (error) {
      if (!page.isClosed() && !/no target|no such|closed|detached|discarded/i.test(error.message)) throw error;
    }
  }
}

/** Two workers end over this command of the page's, as the browsers were seen to tell it: by no answer, or by an error. Returns how to count them. */
export async function stopOver(page, command) {
  await page.evaluate((wanted) => {
    const { runtime } = globalThis.browser ?? chrome;
    const send = runtime.sendMessage.bind(runtime);
    const ends = [() => undefined, () => Promise.reject(new Error('the message channel closed'))];
    globalThis.stopped = 0;
    runtime.sendMessage = async (message) => {
      const end = (message === wanted || wanted in Object(message)) && ends[globalThis.stopped];
      if (!end) return send(message);
      globalThis.stopped += 1;
      return end();
    };
  }, command);
  return () => page.evaluate(() => globalThis.stopped);
}

/** Counts the tabs that open while something is done; afterwards there must be those of before. */
export async function tabsOpened(browser, act) {
  const addresses = async () => (await browser.pages()).map(({ url }) => url).sort();
  const before = await addresses();
  let opened = 0;
  const count = (target) => (opened += target.type() === 'page' ? 1 : 0);
  browser.browser.on('targetcreated', count);
  await act();
  browser.browser.off('targetcreated', count);
  assert.deepEqual(await addresses(), before);
  return opened;
}

/** Puts a value into a field as typing or pasting would, at once. */
export async function fill(page, selector, value) {
  await page.$eval(
    selector,
    (field, text) => {
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
      field.dispatchEvent(new Event('change', { bubbles: true }));
    },
    value,
  );
}

/** Types into an empty or filled field, key by key. */
export async function typeInto(page, selector, value) {
  await page.$eval(selector, (field) => {
    field.focus();
    field.select();
  });
  await page.keyboard.type(value);
}

/** Waits for a condition in a page that may be loaded anew meanwhile. */
export function throughReloads(what, condition) {
  return until(what, async () => {
    try {
      return await condition();
    } catch (error) {
      if (!/context|detached|closed|destroyed|no such|realm|not found|chrome is not defined/i.test(error.message)) throw error;
      return false;
    }
  });
}

/** Tells a page as it is from the one that is loaded anew. */
export function mark(page) {
  return page.evaluate(() => {
    globalThis.former = true;
  });
}

/** Waits until a page that was marked is loaded anew. Before that there may be an empty one, which has no mark and no API either. */
export function reloaded(page) {
  return throughReloads('the page is loaded anew', () =>
    page.evaluate(() => globalThis.former === undefined && globalThis.chrome?.runtime?.sendMessage !== undefined),
  );
}

/** One of the extension's pages in a tab. */
export class Tokenkeep {
  /** Opens one and waits until it shows something. */
  static async open(browser, fragment = '') {
    const page = await browser.openExtensionPage(`popup.html${fragment}`);
    const tokenkeep = new Tokenkeep(browser, page);
    await tokenkeep.shown();
    return tokenkeep;
  }

  constructor(browser, page) {
    this.browser = browser;
    this.page = page;
    this.sandbox = browser.sandbox;
  }

  /** The view that is shown. */
  view() {
    return this.page.evaluate(() => {
      const shown = [...document.querySelectorAll('.view')].filter((view) => !view.hidden);
      return shown.length === 1 ? shown[0].id : shown.map((view) => view.id).join('+');
    });
  }

  /** Waits for a view; without a name for any but the first. */
  async shown(name) {
    return until(`${name ?? 'a view'} is shown`, async () => {
      const view = await this.view();
      return (name ? view === name : view !== 'view-loading') && view;
    });
  }

  async front() {
    await this.page.bringToFront();
  }

  /** As a person would: what can be seen, and stands still. */
  async click(selector) {
    await this.front();
    await until(`${selector} can be clicked`, async () => {
      const found = await this.page.$eval(selector, async (element) => {
        if (!element.checkVisibility() || element.disabled) return 'not yet';
        element.scrollIntoView({ block: 'center', behavior: 'instant' });
        const place = () => JSON.stringify(element.getBoundingClientRect());
        // A page that went to the back draws nothing.
        const frame = () =>
          new Promise((resolve) => {
            requestAnimationFrame(() => resolve(true));
            setTimeout(resolve, 1000, false);
          });
        if (!(await frame())) return 'behind';
        const before = place();
        return (await frame()) && element.isConnected && place() === before ? 'stands' : 'not yet';
      });
      // A tab that was just being closed may have gone before it.
      if (found === 'behind') await this.front();
      return found === 'stands';
    });
    await this.page.click(selector);
  }

  text(selector) {
    return this.page.$eval(selector, (element) => element.textContent.trim());
  }

  value(selector) {
    return this.page.$eval(selector, (field) => field.value);
  }

  visible(selector) {
    return this.page.evaluate((css) => Boolean(document.querySelector(css)?.checkVisibility()), selector);
  }

  /** Opens a part that is closed at first. */
  unfold(selector) {
    return this.page.$eval(selector, (details) => void (details.open = true));
  }

  /** Clicks a button that copies; returns what is on the clipboard. */
  async copied(button) {
    // The button says it for a moment only, which a busy machine may let pass between two looks.
    await this.page.$eval(button, (element) => {
      const said = [element.textContent.trim()];
      globalThis.buttonSaid = said;
      new MutationObserver(() => said.push(element.textContent.trim())).observe(element, { childList: true });
    });
    await this.click(button);
    const said = await until('it is copied, or not', () =>
      this.page.evaluate(() => globalThis.buttonSaid.find((text) => ['Copied', 'Not copied'].includes(text))),
    );
    assert.equal(said, 'Copied');
    return this.browser.readClipboard();
  }

  // --- the worker ---

  /** Sends a command, as the page's own script does. */
  send(message) {
    return this.page.evaluate((wanted) => chrome.runtime.sendMessage(wanted), message);
  }

  /** Sends commands at once; returns the answers. */
  sendAll(messages) {
    return this.page.evaluate((list) => Promise.all(list.map((message) => chrome.runtime.sendMessage(message))), messages);
  }

  /** A new profile of the sandbox's ordinary app, as the form sends it. */
  newProfile(more = {}) {
    const { app, redirect_hosts: hosts } = this.sandbox.ready;
    const draft = {
      name: '',
      provider: 'linkedin',
      client_id: app.client_id,
      client_secret: app.client_secret,
      redirect_uri: hosts.live_https,
      scope: 'openid profile email',
      ...more,
    };
    return { SaveProfile: { id: null, draft, authorize: false } };
  }

  /** Sends one and returns its id. */
  async sendProfile(more) {
    const reply = await this.send(this.newProfile(more));
    if (!reply.Saved) throw new Error(`the profile was not saved: ${JSON.stringify(reply)}`);
    return reply.Saved.profile;
  }

  /** Has the worker look at the tokens soon, as its own alarm would. */
  ring() {
    return this.page.evaluate(() => chrome.alarms.create('tokens', { when: Date.now() + 1500 }));
  }

  /** Waits until it has, and has planned the next look. */
  looked() {
    return until('the tokens were looked at', async () =>
      (await this.alarms()).some((alarm) => alarm.name === 'tokens' && alarm.scheduledTime > Date.now() + 60_000),
    );
  }

  /** Waits, all pages closed and the worker stopped, until something has happened by itself; then opens the page again. */
  async asleep(what, condition, options) {
    // A browser needs a tab.
    await this.browser.newPage();
    await this.page.close();
    await this.browser.killWorker();
    await until(what, condition, options);
    this.page = (await Tokenkeep.open(this.browser)).page;
  }

  // --- set-up ---

  /** Fills the form. */
  async fillSetup({ client_id, client_secret, redirect_uri, scope, name, provider }) {
    await this.shown('view-setup');
    if (provider !== undefined) await this.page.select('#provider', provider);
    const fields = { client_id, client_secret, redirect_uri, scope, profile_name: name };
    for (const [field, value] of Object.entries(fields)) {
      if (value !== undefined) await fill(this.page, `#${field}`, value);
    }
  }

  /** Saves a new profile and returns its id. */
  async addProfile(profile) {
    const before = new Set((await this.index()).map((entry) => entry.id));
    if ((await this.view()) === 'view-home') await this.click('#add_profile');
    await this.fillSetup(profile);
    await this.click('#setup_save');
    return this.saved(before);
  }

  /** Waits for a profile that is not among those before, and for its card; returns its id. */
  async saved(before = new Set()) {
    const id = await until('the profile is saved', async () =>
      (await this.index()).map((entry) => entry.id).find((entry) => !before.has(entry)),
    );
    await this.profileShown(id);
    return id;
  }

  /** Waits for a profile's card; where it does not come, the error says what the page shows instead. */
  async profileShown(id) {
    try {
      await until('the profile is shown', () => this.page.$(`li.profile[data-profile="${id}"]`));
    } catch (error) {
      const said = [await this.view(), await this.text('#announce'), await this.text('#error-text')];
      throw new Error(`${error.message}: ${said.join(' | ')}`);
    }
  }

  /** A profile of the sandbox's ordinary app. */
  addSandboxProfile(target, more = {}) {
    const { app, redirect_hosts: hosts } = this.sandbox.ready;
    return this.addProfile({
      client_id: app.client_id,
      client_secret: app.client_secret,
      redirect_uri: hosts[target],
      scope: 'openid profile email',
      name: target,
      ...more,
    });
  }

  /** Opens a profile's form from its card. */
  async edit(id) {
    await this.expand(id);
    await this.click(`${this.card(id)} .profile-edit`);
    await this.shown('view-setup');
  }

  /** Saves the form of an edit. */
  async save() {
    await this.click('#setup_save');
    await this.shown('view-home');
  }

  // --- what is stored ---

  async index() {
    const { index } = await this.local('index');
    return index?.entries ?? [];
  }

  /** What stands in storage.local, as it stands there. */
  raw(keys = null) {
    return this.page.evaluate((wanted) => chrome.storage.local.get(wanted), keys);
  }

  /** The records in storage.local. */
  async local(keys = null) {
    return records(await this.raw(keys));
  }

  /** Writes records, as the worker does. */
  async put(newRecords) {
    const before = await this.raw(Object.keys(newRecords));
    await this.page.evaluate((written) => chrome.storage.local.set(written), items(newRecords, before));
  }

  async record(key) {
    return (await this.local(key))[key];
  }

  /** Changes members of a record, in a token's record those of the token, as if time had gone by or another had written. */
  async change(key, members) {
    const record = await this.record(key);
    Object.assign(record.token ?? record, members);
    await this.put({ [key]: record });
  }

  async traces(id) {
    return (await this.record(`trace:${id}`)) ?? [];
  }

  /** Waits for so many traces that have ended. */
  tracesEnded(id, count) {
    return until(`${count} traces have ended`, async () => {
      const all = await this.traces(id);
      return all.length === count && all.every(({ outcome }) => outcome !== null) && all;
    });
  }

  /** The worker's own record: flows, ended, guards. */
  engine() {
    return this.page.evaluate(async () => {
      const { engine } = await chrome.storage.session.get('engine');
      const { flows = [], ended = [], guards = [] } = engine ?? {};
      const by = (name, list) => Object.fromEntries(list.map((entry) => [entry[name], entry]));
      return { flows: by('id', flows), ended: by('profile', ended), guards: by('flow', guards) };
    });
  }

  /** Rules go after all that a flow waits for, so a moment later than its end can be seen. */
  rulesAreOwned() {
    return until('no rule is left that nobody owns', async () => {
      const rules = await this.sessionRules();
      const { flows, guards } = await this.engine();
      const owned = Object.values(guards).flatMap((guard) => guard.rules);
      return Object.keys(flows).length === 0 && rules.every(({ id }) => owned.includes(id));
    });
  }

  sessionRules() {
    return this.page.evaluate(() => chrome.declarativeNetRequest.getSessionRules());
  }

  /** Those of flows that the browser keeps when the session ends. */
  async lastingRules() {
    const rules = await this.page.evaluate(() => chrome.declarativeNetRequest.getDynamicRules());
    return rules.filter(({ id }) => id !== ANCHOR);
  }

  alarms() {
    return this.page.evaluate(() => chrome.alarms.getAll());
  }

  /** The stored access token of a profile. */
  async storedToken(profile) {
    return (await this.record(`token:${profile}`))?.token.access_token;
  }

  // --- permissions ---

  /** All hosts, as after an accepted prompt. */
  grantHosts(origins = ['https://www.linkedin.com/*', 'https://*.tokenkeep.test/*', 'http://localhost/*']) {
    return this.browser.grantHosts(this.page, origins);
  }

  hosts() {
    return this.page.evaluate(async () => (await chrome.permissions.getAll()).origins);
  }

  async removeHosts(origins) {
    return this.page.evaluate((list) => chrome.permissions.remove({ origins: list }), origins ?? (await this.hosts()));
  }

  // --- a card ---

  card(id) {
    return `li.profile[data-profile="${id}"]`;
  }

  async expand(id) {
    const toggle = `${this.card(id)} .profile-toggle`;
    await until('the profile is shown', () => this.page.$(toggle));
    if ((await this.page.$eval(toggle, (button) => button.getAttribute('aria-expanded'))) !== 'true') {
      await this.click(toggle);
      await until('the profile is open', () =>
        this.page.$eval(toggle, (button) => button.getAttribute('aria-expanded') === 'true'),
      );
    }
  }

  state(id) {
    return this.page.$eval(this.card(id), (card) => card.dataset.state);
  }

  /** Waits for one of these states. */
  inState(id, ...states) {
    return until(`the profile is ${states.join(' or ')}`, async () => {
      const state = await this.state(id);
      return states.includes(state) && state;
    });
  }

  /** What the card says of a failure. */
  async finding(id) {
    await this.inState(id, 'failed');
    await this.expand(id);
    return this.page.$eval(this.card(id), (card) => {
      const text = (selector) => card.querySelector(selector).textContent.trim();
      return {
        what: text('.finding-what'),
        why: text('.finding-why'),
        fix: text('.finding-fix'),
        evidence: text('.finding-evidence-text'),
      };
    });
  }

  // --- a flow ---

  /** Clicks what starts a flow and returns it once it is known to the worker. */
  async authorize(id) {
    // With a token the main action copies it.
    // The page hears of a flow's end before it has read the token; its button is another one then.
    const read = (await this.storedToken(id)) === undefined ? ['ready'] : [];
    const state = await this.inState(id, ...read, 'token', 'expired', 'failed', 'waiting_permission');
    if (state === 'token') await this.expand(id);
    const button = `${this.card(id)} ${state === 'token' ? '.profile-authorize' : '.profile-main'}`;
    return this.flowBy(id, () => this.click(button));
  }

  /** The flow that `start` starts, once it is known to the worker. */
  async flowBy(id, start) {
    const before = await this.engine();
    const known = new Set([...Object.keys(before.flows), before.ended[id]?.flow]);
    const tabs = new Set((await this.browser.pages()).map(({ page }) => page));
    await start();
    return this.startedFlow(id, known, tabs);
  }

  /** The flow that a click has just started. */
  async startedFlow(id, known = new Set(), tabs = new Set()) {
    const flow = await until('the flow is started', async () => {
      const engine = await this.engine();
      const running = Object.entries(engine.flows).find(([name, value]) => value.snapshot.profile.id === id && !known.has(name));
      if (running) return running[0];
      const ended = engine.ended[id]?.flow;
      return ended !== undefined && !known.has(ended) && ended;
    });
    return new Flow(this, id, flow, tabs);
  }

  /** Loads the page anew and waits until it shows something. */
  async reload() {
    // It may be loading itself anew.
    await throughReloads('the page is told', async () => {
      await this.page.evaluate(() => {
        globalThis.former = true;
        history.replaceState(null, '', location.pathname);
        location.reload();
      });
      return true;
    });
    await reloaded(this.page);
    await this.shown();
  }

  /** Puts everything back to the first run, but for granted hosts; closes every other tab. */
  async startOver() {
    await this.browser.killWorker();
    await closeOthers(this.browser, this.page);
    // Closing a tab may have woken the worker.
    await this.browser.killWorker();
    // A page with a passphrase is loaded anew when its key goes.
    // Whoever looks storage through meanwhile finds that nothing is expected, and brings nothing back.
    const nothing = { schema: 2, keys: storedText('keys', { schema: 2, keys: [] }, Date.now()) };
    await throughReloads('everything is put back', () =>
      this.page.evaluate(async ([items, anchor]) => {
        await chrome.storage.session.clear();
        const stands = Object.keys(await chrome.storage.local.get(null));
        await chrome.storage.local.set(items);
        await chrome.storage.local.remove(stands.filter((key) => !(key in items)));
        await chrome.alarms.clearAll();
        const rules = await chrome.declarativeNetRequest.getSessionRules();
        await chrome.declarativeNetRequest.updateSessionRules({ removeRuleIds: rules.map((rule) => rule.id) });
        const lasting = await chrome.declarativeNetRequest.getDynamicRules();
        const removeRuleIds = lasting.map((rule) => rule.id).filter((id) => id !== anchor);
        await chrome.declarativeNetRequest.updateDynamicRules({ removeRuleIds });
        // A worker that was woken before its notes were gone.
        await chrome.storage.session.remove('engine');
        const left = await chrome.storage.local.get(null);
        return Object.keys(left).length === Object.keys(items).length;
      }, [nothing, ANCHOR]),
    );
    // One that was woken meanwhile may know of a passphrase that is gone.
    await this.browser.killWorker();
    await this.sandbox.reset();
    await this.reload();
    await this.shown('view-setup');
  }
}

/** One authorization under way. */
export class Flow {
  constructor(tokenkeep, profile, id, tabsBefore) {
    this.tokenkeep = tokenkeep;
    this.browser = tokenkeep.browser;
    this.profile = profile;
    this.id = id;
    this.tabsBefore = tabsBefore;
  }

  /** Its `state` parameter, while it runs. */
  async stateParameter() {
    return (await this.tokenkeep.engine()).flows[this.id]?.state;
  }

  /** The tab that it opened, once LinkedIn's page is in it. */
  async tab() {
    const state = await this.stateParameter();
    this.page ??= await until("LinkedIn's page is open", async () =>
      (await this.browser.pages()).find(
        ({ page, url }) =>
          !this.tabsBefore.has(page) && url.startsWith('https://www.linkedin.com/') && (!state || url.includes(state)),
      )?.page,
    );
    return this.page;
  }

  /** What LinkedIn's page asks for: `#sign-in`, `#allow`, or nothing yet. */
  asked(page) {
    return page.evaluate(
      () => document.readyState === 'complete' && ['#sign-in', '#allow'].find((css) => document.querySelector(css)),
    );
  }

  /** Waits for the page that asks to sign in, and sends it. */
  async sendSignIn() {
    const page = await this.tab();
    const { member } = this.tokenkeep.sandbox.ready;
    await until('LinkedIn asks to sign in', async () => (await this.asked(page)) === '#sign-in');
    await page.bringToFront();
    await fill(page, '#username', member.username);
    await fill(page, '#password', member.password);
    await clickAway(page, '#sign-in');
  }

  /** Signs in if asked and stops at the consent page. */
  async signIn() {
    const page = await this.tab();
    if ((await until('LinkedIn asks something', () => this.asked(page))) === '#sign-in') await this.sendSignIn();
    await until('LinkedIn asks for consent', async () => (await this.asked(page)) === '#allow');
    return page;
  }

  /** Signs in, where asked, and allows. */
  async consent() {
    const page = await this.signIn();
    await clickAway(page, '#allow');
  }

  /** How it ended: `Token`, or the finding's code. */
  async outcome(timeout) {
    try {
      return await until('the flow has ended', () => this.outcomeNow(), { timeout });
    } catch (error) {
      error.message = await this.whereabouts(error.message);
      throw error;
    }
  }

  /** How it ended, if it has. */
  async outcomeNow() {
    const ended = (await this.tokenkeep.engine()).ended[this.profile];
    if (ended?.flow !== this.id) return undefined;
    return ended.finding?.code ?? 'Token';
  }

  /** `message` with what a person who debugs a flow that never ended wants to know first. */
  async whereabouts(message) {
    const { flows, ended } = await this.tokenkeep.engine();
    const requests = (await this.tokenkeep.sandbox.log()).slice(-6);
    const found = {
      phase: flows[this.id]?.phase ?? 'not under way',
      ended: ended[this.profile],
      tabs: await this.browser.tabs(),
      requests: requests.map(({ method, host, path, status }) => `${method} ${host}${path} ${status}`),
    };
    return `${message}; ${JSON.stringify(found)}`;
  }

  /** The page of ours that comes in the place of the flow's tab. */
  async resultPage() {
    const address = `${this.browser.origin}/popup.html#${this.id}`;
    const page = await until('the result page is open', async () =>
      (await this.browser.pages()).find(({ url }) => url === address)?.page,
    );
    const result = new Tokenkeep(this.browser, page);
    await result.shown('view-home');
    return result;
  }

  /** Everything from the consent page on; the flow must give a token. */
  async complete() {
    await this.consent();
    const outcome = await this.outcome();
    if (outcome !== 'Token') throw new Error(`the flow ended with ${outcome}`);
    // Its own page comes in the place of the tab, to the front: whoever goes on before that is disturbed by it.
    await until("the flow's tab is closed", () => this.page.isClosed());
    // What a card offers is another thing a moment later, and a person sees it before the next click.
    const { page } = this.tokenkeep;
    const state = `${this.tokenkeep.card(this.profile)}[data-state]`;
    await until('the card shows the token', async () =>
      page.isClosed() || (await page.$$eval(state, ([card]) => !card?.checkVisibility() || card.dataset.state === 'token')),
    );
  }
}
