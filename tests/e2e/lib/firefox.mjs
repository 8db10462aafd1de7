// Firefox by WebDriver BiDi. What BiDi has no command for is done in the browser's own window, which BiDi reaches with
// --remote-allow-system-access (`moz:scope`).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import puppeteer from 'puppeteer-core';

import { extensionPath, programOf } from './environment.mjs';
import { settled, until } from './until.mjs';
import { zip } from './zip.mjs';

const INTRUDER = fileURLToPath(new URL('../intruder', import.meta.url));
const ID = 'tokenkeep@tokenkeep.dev';
const INTRUDER_ID = 'intruder@tokenkeep.dev';
/** The addresses of the extensions' pages are random otherwise. */
const UUIDS = { [ID]: '6a1d1f0e-0f5c-4c4e-9d6b-1d2f3a4b5c6d', [INTRUDER_ID]: '0b7d3f52-8f43-4d6f-a1f5-52f0c5b0a9e1' };

function preferencesFor(sandbox) {
  const [host, port] = sandbox.ready.proxy.split(':');
  return {
    // The packages lie in the profile, unsigned, and are there when the browser starts.
    'xpinstall.signatures.required': false,
    'extensions.autoDisableScopes': 0,
    'extensions.webextensions.uuids': JSON.stringify(UUIDS),
    // Everything goes through the sandbox, but for loopback redirect hosts.
    'network.proxy.type': 1,
    'network.proxy.http': host,
    'network.proxy.http_port': Number(port),
    'network.proxy.ssl': host,
    'network.proxy.ssl_port': Number(port),
    'network.proxy.no_proxies_on': 'localhost, 127.0.0.1, [::1]',
    // Nothing of the browser's own goes out.
    'app.normandy.enabled': false,
    'app.update.disabledForTesting': true,
    'browser.discovery.enabled': false,
    'browser.newtabpage.activity-stream.feeds.system.topstories': false,
    'browser.region.network.url': '',
    'browser.region.update.enabled': false,
    'browser.safebrowsing.blockedURIs.enabled': false,
    'browser.safebrowsing.downloads.enabled': false,
    'browser.safebrowsing.malware.enabled': false,
    'browser.safebrowsing.phishing.enabled': false,
    'browser.search.suggest.enabled': false,
    'browser.search.update': false,
    'browser.topsites.contile.enabled': false,
    'captivedetect.canonicalURL': '',
    'datareporting.healthreport.uploadEnabled': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'datareporting.usage.uploadEnabled': false,
    'doh-rollout.enabled': false,
    'dom.push.connection.enabled': false,
    'extensions.blocklist.enabled': false,
    'extensions.getAddons.cache.enabled': false,
    'extensions.systemAddon.update.enabled': false,
    'extensions.update.enabled': false,
    'media.gmp-manager.updateEnabled': false,
    'media.gmp-manager.url': '',
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'network.http.speculative-parallel-limit': 0,
    'network.prefetch-next': false,
    'network.trr.mode': 5,
    'nimbus.rollouts.enabled': false,
    'services.settings.server': 'data:,#remote-settings-dummy/v1',
    'toolkit.telemetry.enabled': false,
    'toolkit.telemetry.server': '',
    'toolkit.telemetry.unified': false,
    // What pages and the event page print comes to standard output: no other way leads to the event page's console.
    'devtools.console.stdout.content': true,
    // No first-run pages, no questions.
    'browser.aboutwelcome.enabled': false,
    'browser.newtabpage.enabled': false,
    'browser.sessionstore.resume_from_crash': false,
    'browser.shell.checkDefaultBrowser': false,
    'browser.startup.homepage_override.mstone': 'ignore',
    'browser.startup.page': 0,
    'browser.tabs.warnOnClose': false,
    'browser.warnOnQuit': false,
    'signon.rememberSignons': false,
    'termsofuse.bypassNotification': true,
  };
}

/** A running Firefox with the extension. */
export class Firefox {
  #printed = [];
  name = 'firefox';
  id = ID;
  /** What the extension's addresses start with. */
  origin = `moz-extension://${UUIDS[ID]}`;
  intruderOrigin = `moz-extension://${UUIDS[INTRUDER_ID]}`;

  static async launch(options) {
    const profile = options.profile ?? (await mkdtemp(join(tmpdir(), 'tokenkeep-firefox-')));
    const browser = new Firefox(profile, options);
    await browser.#prepareProfile();
    await browser.start();
    return browser;
  }

  constructor(profile, options) {
    this.profile = profile;
    this.options = options;
    this.sandbox = options.sandbox;
  }

  async #prepareProfile() {
    const extensions = join(this.profile, 'extensions');
    await mkdir(extensions, { recursive: true });
    await copyFile(extensionPath('firefox'), join(extensions, `${ID}.xpi`));
    await writeFile(join(extensions, `${INTRUDER_ID}.xpi`), await zip(INTRUDER));
    const preferences = {
      ...preferencesFor(this.sandbox),
      'extensions.webextOptionalPermissionPrompts': (this.options.prompts ?? 'allow') !== 'allow',
      ...this.options.preferences,
    };
    const lines = Object.entries(preferences).map(
      ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
    );
    await writeFile(join(this.profile, 'user.js'), `${lines.join('\n')}\n`);
  }

  async start() {
    const headless = this.options.headless ?? true;
    this.process = spawn(
      programOf('firefox'),
      [
        ...(headless ? ['--headless'] : []),
        '--no-remote',
        '--profile',
        this.profile,
        '--remote-debugging-port=0',
        '--remote-allow-system-access',
        'about:blank',
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        // Release builds honour services.settings.server with this variable only.
        env: { ...process.env, MOZ_REMOTE_SETTINGS_DEVTOOLS: '1', MOZ_CRASHREPORTER_DISABLE: '1' },
      },
    );
    this.#endWithParent();
    this.#printed = [];
    createInterface({ input: this.process.stdout }).on('line', (line) => this.#printed.push(line));
    let output = '';
    const address = await new Promise((resolve, reject) => {
      this.process.stderr.on('data', (chunk) => {
        output += chunk;
        const match = /WebDriver BiDi listening on (ws:\/\/\S+)/.exec(output);
        if (match) resolve(match[1]);
      });
      this.process.once('error', reject);
      this.process.once('exit', (code) => reject(new Error(`firefox ended with ${code}: ${output}`)));
    });
    this.browser = await puppeteer.connect({
      browserWSEndpoint: `${address}/session`,
      protocol: 'webDriverBiDi',
      acceptInsecureCerts: true,
      defaultViewport: null,
    });
    this.bidi = this.browser.connection;
    this.window = undefined;
    await this.#started();
    await until('the intruder is started', () => this.chrome((id) => Boolean(WebExtensionPolicy.getByID(id)), INTRUDER_ID));
  }

  #started() {
    return until('the extension is started', () =>
      this.chrome((id) => WebExtensionPolicy.getByID(id)?.extension.backgroundState !== undefined, ID),
    );
  }

  #endWithParent() {
    const child = this.process;
    const end = () => child.kill('SIGKILL');
    process.once('exit', end);
    child.once('exit', () => process.off('exit', end));
  }

  /** Runs `fn` with system privileges in the browser's window; arguments and result as JSON. */
  async chrome(fn, ...args) {
    if (!this.window) {
      const { result } = await this.bidi.send('browsingContext.getTree', { 'moz:scope': 'chrome', maxDepth: 0 });
      this.window = result.contexts.find((context) => context.url === 'chrome://browser/content/browser.xhtml').context;
    }
    const { result } = await this.bidi.send('script.callFunction', {
      functionDeclaration: `async (json) => JSON.stringify((await (${fn})(...JSON.parse(json))) ?? null)`,
      arguments: [{ type: 'string', value: JSON.stringify(args) }],
      target: { context: this.window },
      awaitPromise: true,
    });
    if (result.type !== 'success') throw new Error(`in Firefox's window: ${result.exceptionDetails.text}`);
    return JSON.parse(result.result.value);
  }

  /** See Chromium.setPrompts. */
  async setPrompts(mode) {
    await this.chrome((prompt) => Services.prefs.setBoolPref('extensions.webextOptionalPermissionPrompts', prompt), mode !== 'allow');
  }

  /** Waits for the browser's own permission prompt and presses its button. */
  async answerPrompt(answer) {
    await until('the permission prompt is shown', () =>
      this.chrome(() => {
        const prompt = PopupNotifications.getNotification('addon-webext-permissions');
        return Boolean(prompt && PopupNotifications.isPanelOpen && PopupNotifications.panel.firstElementChild);
      }),
    );
    await this.chrome((accept) => {
      const prompt = PopupNotifications.panel.firstElementChild;
      (accept ? prompt.button : prompt.secondaryButton).click();
    }, answer === 'accept');
  }

  /** Grants hosts as a click and an accepted prompt would. */
  async grantHosts(_page, list) {
    await this.chrome(
      async (id, origins) => {
        const { ExtensionPermissions } = ChromeUtils.importESModule('resource://gre/modules/ExtensionPermissions.sys.mjs');
        await ExtensionPermissions.add(id, { permissions: [], origins }, WebExtensionPolicy.getByID(id).extension);
      },
      ID,
      list,
    );
  }

  /** Grants permissions of the APIs as a click and an accepted prompt would. */
  async grantPermissions(list) {
    await this.chrome(
      async (id, permissions) => {
        const { ExtensionPermissions } = ChromeUtils.importESModule('resource://gre/modules/ExtensionPermissions.sys.mjs');
        await ExtensionPermissions.add(id, { permissions, origins: [] }, WebExtensionPolicy.getByID(id).extension);
      },
      ID,
      list,
    );
  }

  /** Keeps notifications for `clickNotification`: headless, the browser's own service closes them at once. */
  async keepNotifications() {
    await this.chrome(() => {
      if (window.keptAlerts) return;
      window.keptAlerts = new Map();
      const service = {
        QueryInterface: ChromeUtils.generateQI(['nsIAlertsService']),
        showAlert(alert, observer) {
          window.keptAlerts.set(alert.name, observer);
          observer.observe(null, 'alertshow', alert.name);
        },
        closeAlert(name) {
          window.keptAlerts.get(name)?.observe(null, 'alertfinished', name);
          window.keptAlerts.delete(name);
        },
      };
      Components.manager.QueryInterface(Ci.nsIComponentRegistrar).registerFactory(
        Services.uuid.generateUUID(),
        '',
        '@mozilla.org/alerts-service;1',
        { QueryInterface: ChromeUtils.generateQI(['nsIFactory']), createInstance: (iid) => service.QueryInterface(iid) },
      );
    });
  }

  /** Tells the extension what the browser's service tells it when a person clicks. */
  async clickNotification(name) {
    // Its icon is loaded first.
    await until('the notification is shown', () => this.chrome((wanted) => window.keptAlerts.has(wanted), name));
    await this.chrome((wanted) => window.keptAlerts.get(wanted).observe(null, 'alertclickcallback', wanted), name);
  }

  async newPage() {
    return this.browser.newPage();
  }

  async #contexts() {
    const { result } = await this.bidi.send('browsingContext.getTree', { maxDepth: 0 });
    return result.contexts;
  }

  /** Opens a tab at an address that BiDi refuses to navigate to. */
  async #openPrivileged(address) {
    let page;
    // Puppeteer may lose a tab while Firefox gives it another process, and never hears of it again: another one is opened then.
    for (let lost = 0; lost < 3 && !page; lost += 1) page = await this.#tabKnown(address);
    if (!page) throw new Error(`${address} is open, and Puppeteer does not know of it`);
    await until(`${address} is parsed`, () => page.evaluate(() => document.readyState !== 'loading'));
    return page;
  }

  /** The page of a new tab; none, and no tab, when Puppeteer has not heard of what Firefox has had for five seconds. */
  async #tabKnown(address) {
    const before = new Set((await this.#contexts()).map(({ context }) => context));
    await this.chrome((url) => {
      window.newTab = gBrowser.addTab(url, {
        triggeringPrincipal: Services.scriptSecurityManager.getSystemPrincipal(),
      });
      gBrowser.selectedTab = window.newTab;
    }, address);
    // What stands behind the # is the page's own to change.
    const bare = (url) => url.split('#')[0];
    let since;
    const { page } = await until(`${address} is open`, async () => {
      const contexts = await this.#contexts();
      const known = await this.browser.pages();
      const opened = contexts.find(({ context, url }) => !before.has(context) && bare(url) === bare(address));
      if (!opened) return undefined;
      const found = known.find((candidate) => candidate.mainFrame()._id === opened.context);
      since ??= performance.now();
      return (found || performance.now() - since > 5_000) && { page: found };
    });
    if (!page) await this.chrome(() => gBrowser.removeTab(window.newTab));
    return page;
  }

  openExtensionPage(path) {
    return this.#openPrivileged(`${this.origin}/${path}`);
  }

  /** Runs a function on the global scope of the background page, which starts for it; in a tab of its own, for none of it runs on when its page is left. */
  async evaluateInWorker(run) {
    const still = await this.openExtensionPage('icons/icon.svg');
    return still.evaluate(`(async () => (${run})(await chrome.runtime.getBackgroundPage()))()`);
  }

  openIntruder() {
    return this.#openPrivileged(`${this.intruderOrigin}/intruder.html`);
  }

  /** Every tab, with its address. Puppeteer's own `page.url()` does not follow extension pages in Firefox. */
  async pages() {
    const pages = await this.browser.pages();
    const contexts = await this.#contexts();
    return contexts.flatMap(({ context, url }) => {
      const page = pages.find((candidate) => candidate.mainFrame()._id === context);
      return page ? [{ page, url, context }] : [];
    });
  }

  /** Addresses and titles of all tabs, as the browser shows them. */
  tabs() {
    return this.chrome(() => gBrowser.tabs.map((tab) => ({ url: tab.linkedBrowser.currentURI.spec, title: tab.label })));
  }

  /** Whether the event page runs. */
  workerRuns() {
    return this.chrome((id) => WebExtensionPolicy.getByID(id).extension.backgroundState === 'running', ID);
  }

  /** Stops the event page as the browser would, but now. */
  async killWorker() {
    await this.chrome(async (id) => {
      const { extension } = WebExtensionPolicy.getByID(id);
      if (extension.backgroundState === 'running' || extension.backgroundState === 'starting') {
        await extension.terminateBackground({ ignoreDevToolsAttached: true, disableResetIdleForTest: true });
      }
    }, ID);
  }

  /** What Firefox writes some seconds late, it writes now: its preferences, and whether an extension has lasting rules. */
  async writeLate() {
    await this.chrome(async () => {
      const { ExtensionParent } = ChromeUtils.importESModule('resource://gre/modules/ExtensionParent.sys.mjs');
      const { StartupCache } = ExtensionParent;
      StartupCache._saveTask?.disarm();
      await StartupCache._saveNow();
      // A browser that is killed in its first half minute throws that away.
      Services.startup.trackStartupCrashEnd();
    });
    await this.writePreferences();
  }

  /** Of that, the preferences, which are half a second late. */
  async writePreferences() {
    const mark = `tokenkeep.written.${Date.now()}`;
    await this.chrome((name) => {
      Services.prefs.setBoolPref(name, true);
      Services.prefs.savePrefFile(null);
    }, mark);
    await until('the preferences are written', async () => (await readFile(join(this.profile, 'prefs.js'), 'utf8')).includes(mark));
  }

  /** The network goes and comes back. */
  async loseNetwork() {
    await this.chrome(() => {
      for (const offline of [true, false]) Services.io.offline = offline;
    });
  }

  /** The person switches the extension off and on again. */
  async switchOffAndOn() {
    await this.chrome(async (id) => {
      const addon = await AddonManager.getAddonByID(id);
      await addon.disable();
      await addon.enable();
    }, ID);
    await this.#started();
  }

  /** The extension is installed over itself, as for an update. */
  async update() {
    await this.chrome(async (path) => {
      const file = Cc['@mozilla.org/file/local;1'].createInstance(Ci.nsIFile);
      file.initWithPath(path);
      await (await AddonManager.getInstallForFile(file)).install();
    }, extensionPath('firefox'));
    await this.#started();
  }

  async setColorScheme(page, scheme) {
    await this.chrome(
      (value) => Services.prefs.setIntPref('layout.css.prefers-color-scheme.content-override', value),
      scheme === 'dark' ? 0 : 1,
    );
    await until(`${scheme} is on`, () =>
      page.evaluate((wanted) => matchMedia(`(prefers-color-scheme: ${wanted})`).matches, scheme),
    );
    await settled(page);
  }

  readClipboard() {
    return this.chrome(() => {
      const transferable = Cc['@mozilla.org/widget/transferable;1'].createInstance(Ci.nsITransferable);
      transferable.init(null);
      transferable.addDataFlavor('text/plain');
      Services.clipboard.getData(
        transferable,
        Services.clipboard.kGlobalClipboard,
        window.browsingContext.currentWindowContext,
      );
      const data = {};
      transferable.getTransferData('text/plain', data);
      return data.value.QueryInterface(Ci.nsISupportsString).data;
    });
  }

  /** Brings the tab back that was closed last; returns its page. */
  async reopenClosedTab() {
    const before = new Set((await this.#contexts()).map(({ context }) => context));
    await this.chrome(() => {
      SessionStore.undoCloseTab(window, 0);
    });
    return until('the closed tab is open again', async () =>
      (await this.pages()).find(({ context }) => !before.has(context))?.page,
    );
  }

  /** Runs in the browser's window with the tab's browser element, and waits until the tab has stopped loading. */
  async #inTab(page, fn, ...args) {
    await page.bringToFront();
    await this.chrome(
      async (source, list) => {
        const { selectedBrowser } = gBrowser;
        const stopped = new Promise((resolve) => {
          const listener = {
            QueryInterface: ChromeUtils.generateQI(['nsIWebProgressListener', 'nsISupportsWeakReference']),
            onStateChange(progress, request, flags) {
              const { STATE_STOP, STATE_IS_WINDOW } = Ci.nsIWebProgressListener;
              if (progress.isTopLevel && flags & STATE_STOP && flags & STATE_IS_WINDOW) {
                selectedBrowser.removeProgressListener(listener);
                window.listensToLoads = undefined;
                resolve();
              }
            },
          };
          // The browser holds it weakly: nobody else would keep it until the tab has stopped.
          window.listensToLoads = listener;
          selectedBrowser.addProgressListener(listener, Ci.nsIWebProgress.NOTIFY_STATE_WINDOW);
        });
        const moved = (0, eval)(source)(selectedBrowser, ...list);
        if (moved !== false) await stopped;
      },
      String(fn),
      args,
    );
  }

  /** Presses the browser's own `back`, `forward` or `reload`. */
  press(page, button) {
    return this.#inTab(
      page,
      (browser, name) => {
        if (name === 'reload') browser.reload();
        else if (name === 'back' ? browser.canGoBack : browser.canGoForward) browser[name === 'back' ? 'goBack' : 'goForward']();
        else return false;
        return true;
      },
      button,
    );
  }

  /** Sends a tab to an address that may be blocked. */
  visit(page, address) {
    return this.#inTab(
      page,
      (browser, url) => {
        browser.fixupAndLoadURIString(url, { triggeringPrincipal: Services.scriptSecurityManager.getSystemPrincipal() });
      },
      address,
    );
  }

  /** Starts to collect what the event page, extension pages and web pages print; returns the (growing) list. */
  async collectConsole() {
    const lines = [];
    const before = this.#printed.length;
    lines.read = async () => {
      const messages = await this.chrome(() => {
        const storage = Cc['@mozilla.org/consoleAPI-storage;1'].getService(Ci.nsIConsoleAPIStorage);
        const calls = storage.getEvents().map((event) => event.arguments.map(String).join(' '));
        const errors = Services.console.getMessageArray().map((message) => message.message);
        return [...calls, ...errors];
      });
      lines.splice(0, lines.length, ...messages, ...this.#printed.slice(before));
      return lines;
    };
    return lines;
  }

  async closed() {
    await once(this.process, 'exit');
  }

  /** The process and its children die at once. */
  async kill() {
    const ended = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await ended;
  }

  /** The person quits it. */
  async quit() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = once(this.process, 'exit');
      await this.browser.close().catch(() => this.process.kill('SIGKILL'));
      await ended;
    }
  }

  /** Where the profile keeps storage.local: one folder. The copy in IndexedDB has the same name without the number of its own container. */
  storageFolder() {
    return join(this.profile, 'storage', 'default', `moz-extension+++${UUIDS[ID]}^userContextId=4294967295`);
  }

  async close() {
    await this.quit();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 3 });
  }
}
