// Chromium by puppeteer over a pipe.

import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import puppeteer from 'puppeteer-core';

import { extensionPath, programOf } from './environment.mjs';
import { settled, until } from './until.mjs';

const INTRUDER = fileURLToPath(new URL('../intruder', import.meta.url));

/** Patterns that stand for "the person once agreed"; `optional_host_permissions` of the manifest. */
const HOSTS = ['https://*/*', 'http://localhost/*', 'http://127.0.0.1/*'];

/** Features that ask the browser's maker something, and the one that forbids --load-extension. */
const QUIET = [
  'AutofillServerCommunication',
  'DisableLoadExtensionCommandLineSwitch',
  'NetworkTimeServiceQuerying',
];

/** The same as settings of the profile. */
const PREFERENCES = {
  credentials_enable_service: false,
  profile: { password_manager_leak_detection: false },
};

function argumentsFor(sandbox, { args = [], features = [] }) {
  return [
    '--no-sandbox', // as root in containers; nothing but loopback is visited
    `--proxy-server=${sandbox.ready.proxy}`,
    '--proxy-bypass-list=localhost;127.0.0.1;[::1]',
    `--ignore-certificate-errors-spki-list=${sandbox.ready.spki}`,
    // --load-extension, not CDP's loadUnpacked: after a restart the extension is there when the browser starts.
    `--load-extension=${extensionPath('chromium')},${INTRUDER}`,
    // Nothing of the browser's own goes out. The proxy would refuse it and the tests would see it.
    '--gaia-url=http://127.0.0.1:1/',
    '--component-updater=url-source=http://127.0.0.1:1/',
    '--variations-server-url=http://127.0.0.1:1/',
    '--no-first-run',
    '--no-default-browser-check',
    '--hide-crash-restore-bubble',
    `--disable-features=${[...QUIET, ...features].join()}`,
    ...args,
  ];
}

/** Chromium forgets to close a page that is being loaded anew just then; it is asked until the page is gone. */
function surelyClosed(page) {
  if (Object.hasOwn(page, 'close')) return page;
  const close = page.close.bind(page);
  page.close = async () => {
    const again = setInterval(() => close().catch(() => {}), 1000);
    try {
      await close();
    } finally {
      clearInterval(again);
    }
  };
  return page;
}

/** A running Chromium with the extension. */
export class Chromium {
  name = 'chromium';

  static async launch(options) {
    const profile = options.profile ?? (await mkdtemp(join(tmpdir(), 'tokenkeep-chromium-')));
    await mkdir(join(profile, 'Default'), { recursive: true });
    await writeFile(join(profile, 'Default', 'Preferences'), JSON.stringify(PREFERENCES), { flag: 'wx' }).catch(() => {
      // A profile that is used again has its own.
    });
    const browser = new Chromium(profile, options);
    await browser.start();
    if (options.agreed) await browser.#agree(options.agreed);
    return browser;
  }

  /**
   * As if the person had once agreed to these permissions of the APIs: the profile says so, and `permissions.request` resolves
   * true without a prompt, which nobody could answer.
   */
  async #agree(permissions) {
    await this.browser.close();
    const path = join(this.profile, 'Default', 'Preferences');
    const preferences = JSON.parse(await readFile(path, 'utf8'));
    const settings = preferences.extensions.settings[this.id];
    for (const name of ['granted_permissions', 'runtime_granted_permissions']) {
      const { api = [], ...rest } = settings[name] ?? {};
      settings[name] = { manifest_permissions: [], ...rest, api: [...api, ...permissions] };
    }
    await writeFile(path, JSON.stringify(preferences));
    await this.start();
  }

  constructor(profile, options) {
    this.profile = profile;
    this.options = options;
    this.sandbox = options.sandbox;
  }

  async start() {
    this.browser = await puppeteer.launch({
      executablePath: programOf('chromium'),
      headless: this.options.headless ?? true,
      pipe: true,
      enableExtensions: true,
      userDataDir: this.profile,
      defaultViewport: null,
      args: argumentsFor(this.sandbox, this.options),
      handleSIGINT: false,
    });
    this.cdp = await this.browser.target().createCDPSession();
    const extension = await until('the extension is loaded', async () => {
      const { extensions } = await this.cdp.send('Extensions.getExtensions');
      this.intruderId = extensions.find((entry) => entry.name === 'Intruder')?.id;
      return this.intruderId && extensions.find((entry) => entry.name !== 'Intruder');
    });
    this.id = extension.id;
    /** What the extension's addresses start with. */
    this.origin = `chrome-extension://${this.id}`;
    this.intruderOrigin = `chrome-extension://${this.intruderId}`;
    // chrome.developerPrivate stands behind the switches of chrome://extensions.
    [this.admin] = await this.browser.pages();
    await this.admin.goto('chrome://extensions', { waitUntil: 'domcontentloaded' });
    this.workers = await this.admin.createCDPSession();
    await this.workers.send('ServiceWorker.enable');
    await this.setPrompts(this.options.prompts ?? 'allow');
  }

  /**
   * `allow`: as if the person had once agreed to all hosts, so that `permissions.request` resolves true without a
   * prompt; no host is active before it is asked for. `ask`: the browser prompts, and nobody answers.
   */
  async setPrompts(mode) {
    const method = mode === 'allow' ? 'addHostPermission' : 'removeHostPermission';
    for (const host of HOSTS) {
      await this.admin.evaluate(
        (name, id, pattern) =>
          new Promise((resolve, reject) =>
            chrome.developerPrivate[name](id, pattern, () => {
              const problem = chrome.runtime.lastError;
              if (problem && name === 'addHostPermission') reject(new Error(problem.message));
              else resolve();
            }),
          ),
        method,
        this.id,
        host,
      );
    }
  }

  /** Grants hosts as a click and an accepted prompt would; `page` is one of the extension's. */
  async grantHosts(page, origins) {
    await page.bringToFront();
    const granted = await page.evaluate((list) => chrome.permissions.request({ origins: list }), origins);
    if (!granted) throw new Error('the hosts were not granted');
  }

  async newPage() {
    return surelyClosed(await this.browser.newPage());
  }

  /** Opens a page of the extension in a tab. */
  async openExtensionPage(path) {
    const page = await this.newPage();
    await page.goto(`${this.origin}/${path}`, { waitUntil: 'domcontentloaded' });
    return page;
  }

  async openIntruder() {
    const page = await this.newPage();
    await page.goto(`${this.intruderOrigin}/intruder.html`);
    return page;
  }

  /** Every tab that people see, with its address. */
  pages() {
    // Puppeteer lists a tab before it knows its frame, and has no address for it then.
    return until('every tab has an address', async () => {
      const pages = await this.browser.pages();
      return pages.filter((page) => page !== this.admin).map((page) => ({ page: surelyClosed(page), url: page.url() }));
    });
  }

  /** Runs a function in the worker, which must run, on its global scope. A session of its own: puppeteer keeps that of a stopped worker. */
  async evaluateInWorker(run) {
    const session = await this.#worker().createCDPSession();
    try {
      const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
        expression: `(${run})(globalThis)`,
        awaitPromise: true,
        returnByValue: true,
      });
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
      return result.value;
    } finally {
      await session.detach();
    }
  }

  /** Addresses and titles of all tabs, as the browser shows them. */
  async tabs() {
    const { targetInfos } = await this.cdp.send('Target.getTargets', { filter: [{ type: 'tab' }] });
    return targetInfos.map(({ url, title }) => ({ url, title })).filter(({ url }) => !url.startsWith('chrome://extensions'));
  }

  #worker() {
    return this.browser
      .targets()
      .find((target) => target.type() === 'service_worker' && target.url().startsWith(`${this.origin}/`));
  }

  /** Whether the worker runs. */
  async workerRuns() {
    return this.#worker() !== undefined;
  }

  /**
   * Stops the service worker as the browser would, but now. Closing its target is no use: when an event wakes the worker
   * at once, the target is never destroyed.
   */
  async killWorker() {
    await this.workers.send('ServiceWorker.stopAllWorkers');
  }

  /** See Firefox.writeLate; Chromium writes lasting rules at once. */
  async writeLate() {}

  /** See Firefox.writePreferences. */
  async writePreferences() {}

  /** The network goes and comes back, for the worker, which must run. */
  async loseNetwork() {
    const session = await this.#worker().createCDPSession();
    try {
      await session.send('Network.enable');
      for (const offline of [true, false]) {
        const unlimited = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
        await session.send('Network.emulateNetworkConditions', { offline, ...unlimited });
      }
    } finally {
      await session.detach();
    }
  }

  /** Stops the worker with the events in its hands that `cause` brings; `there` says when they are on their way. */
  async loseEvents(cause, there) {
    const session = await this.#worker().createCDPSession();
    // Nothing else runs in it until it is stopped.
    session.send('Runtime.evaluate', { expression: 'for (;;);' }).catch(() => {});
    try {
      await cause();
      await until('what the worker must not hear of has happened', there);
    } finally {
      await this.killWorker();
      await session.detach().catch(() => {});
    }
  }

  /** The person switches the extension off and on again. */
  async switchOffAndOn() {
    for (const enabled of [false, true]) {
      await this.admin.evaluate((id, on) => new Promise((resolve) => chrome.management.setEnabled(id, on, resolve)), this.id, enabled);
    }
  }

  /** The extension is loaded anew, as for an update. Only developer mode loads one again that no command line names. */
  async update() {
    await this.admin.evaluate(
      () => new Promise((resolve) => chrome.developerPrivate.updateProfileConfiguration({ inDeveloperMode: true }, resolve)),
    );
    const page = await this.openExtensionPage('manager.html');
    await page.evaluate(() => void setTimeout(() => chrome.runtime.reload()));
    await until('the extension is gone', () => page.isClosed());
    await until('the extension is there again', async () => {
      const info = (id) => new Promise((resolve) => chrome.developerPrivate.getExtensionInfo(id, resolve));
      return (await this.admin.evaluate(info, this.id))?.state === 'ENABLED';
    });
  }

  async setColorScheme(page, scheme) {
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    await until(`${scheme} is on`, () =>
      page.evaluate((wanted) => matchMedia(`(prefers-color-scheme: ${wanted})`).matches, scheme),
    );
    await settled(page);
  }

  async readClipboard() {
    const page = await this.openIntruder();
    try {
      await this.browser.defaultBrowserContext().overridePermissions(this.intruderOrigin, ['clipboard-read']);
      const session = await page.createCDPSession();
      await session.send('Emulation.setFocusEmulationEnabled', { enabled: true });
      return await page.evaluate(() => navigator.clipboard.readText());
    } finally {
      await page.close();
    }
  }

  /** Brings the tab back that was closed last; returns its page. */
  async reopenClosedTab() {
    const intruder = await this.openIntruder();
    const before = new Set(this.browser.targets());
    await intruder.evaluate(() => chrome.sessions.restore());
    const target = await until('the closed tab is open again', () =>
      this.browser.targets().find((entry) => entry.type() === 'page' && !before.has(entry)),
    );
    await intruder.close();
    return target.page();
  }

  /** Presses the browser's own `back`, `forward` or `reload`. */
  async press(page, button) {
    const method = { back: 'goBack', forward: 'goForward', reload: 'reload' }[button];
    await page[method]({ waitUntil: 'domcontentloaded' }).catch(() => {
      // Blocked, or nowhere to go.
    });
  }

  /** Sends a tab to an address that may be blocked. */
  async visit(page, address) {
    await page.goto(address, { waitUntil: 'domcontentloaded' }).catch(() => {
      // Blocked.
    });
  }

  /** Clicks the icon in the toolbar while `page` is in front; returns the popup's page. */
  async openToolbarPopup(page) {
    await page.bringToFront();
    const before = new Set(this.browser.targets());
    const { targetInfos } = await this.cdp.send('Target.getTargets', { filter: [{ type: 'tab' }] });
    const tab = targetInfos.find((info) => info.url === page.url());
    await this.cdp.send('Extensions.triggerAction', { id: this.id, targetId: tab.targetId });
    const target = await this.browser.waitForTarget(
      (entry) => !before.has(entry) && entry.url().startsWith(`${this.origin}/popup.html`),
    );
    return target.asPage();
  }

  /** Starts to collect what the worker prints; returns the (growing) list. */
  async collectConsole() {
    const lines = [];
    lines.read = async () => lines;
    const attach = async (target) => {
      if (target.type() !== 'service_worker' || !target.url().startsWith(`${this.origin}/`)) return;
      const session = await target.createCDPSession();
      session.on('Runtime.consoleAPICalled', (event) =>
        lines.push(event.args.map((argument) => argument.value ?? argument.description ?? '').join(' ')),
      );
      session.on('Runtime.exceptionThrown', (event) =>
        lines.push(`${event.exceptionDetails.text} ${event.exceptionDetails.exception?.description ?? ''}`),
      );
      await session.send('Runtime.enable');
    };
    this.browser.on('targetcreated', (target) => {
      attach(target).catch(() => {
        // The worker ended in the meantime.
      });
    });
    const running = this.#worker();
    if (running) await attach(running);
    return lines;
  }

  /** Lets the person close it. */
  async closed() {
    await once(this.browser, 'disconnected');
  }

  /** The process dies at once, as in a power cut of the session. */
  async kill() {
    const child = this.browser.process();
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** The person quits it. */
  async quit() {
    if (this.browser.connected) await this.browser.close();
  }

  /** Where the profile keeps storage.local: one folder. */
  storageFolder() {
    return join(this.profile, 'Default', 'Local Extension Settings', this.id);
  }

  /** Ends it and removes its profile. */
  async close() {
    await this.quit();
    await rm(this.profile, { recursive: true, force: true, maxRetries: 3 });
  }
}
