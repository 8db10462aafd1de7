// Watches a browser while a test works in it, and keeps all that anybody could read there: addresses and titles of tabs, the
// documents of the extension's pages, its badge and tooltip, notifications, consoles, what a page keeps in localStorage.

import { setTimeout as pause } from 'node:timers/promises';

/** What one of the extension's pages shows and keeps; a field's value is shown as well. */
function readPage() {
  const values = [...document.querySelectorAll('input, textarea, select')].map((field) => field.value);
  return {
    documents: [document.documentElement.outerHTML, document.title, ...values],
    localStorage: [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage })],
  };
}

/** What the browser shows of the extension outside of its pages. */
async function readBrowser() {
  return {
    action: [await chrome.action.getBadgeText({}), await chrome.action.getTitle({})],
    notifications: [JSON.stringify((await chrome.notifications?.getAll?.()) ?? {})],
  };
}

/** Keeps everything that was ever seen. */
export class Watch {
  #seen = new Map();
  #pages = new WeakSet();
  #running = true;
  #paused = false;

  /** Begins; `tokenkeep` is a page of the extension that stays open. */
  static async start(tokenkeep) {
    const watch = new Watch();
    watch.tokenkeep = tokenkeep;
    watch.browser = tokenkeep.browser;
    watch.printed = await watch.browser.collectConsole();
    const { browser } = watch.browser;
    watch.onTarget = (target) => watch.#add('addresses', target.url());
    for (const event of ['targetcreated', 'targetchanged']) browser.on(event, watch.onTarget);
    watch.loop = watch.#go();
    return watch;
  }

  #add(sink, ...texts) {
    if (!this.#seen.has(sink)) this.#seen.set(sink, new Set());
    for (const text of texts) if (text) this.#seen.get(sink).add(text);
  }

  #listen(page) {
    if (this.#pages.has(page)) return;
    this.#pages.add(page);
    page.on('console', (message) => this.#add('consoles', message.text()));
    page.on('pageerror', (error) => this.#add('consoles', String(error?.stack ?? error)));
  }

  async #go() {
    while (this.#running) {
      // A page may go while it is read.
      if (!this.#paused) await (this.looking = this.look().catch(() => {}));
      await pause(20);
    }
  }

  /** One look at everything. */
  async look() {
    for (const { url, title } of await this.browser.tabs()) {
      this.#add('addresses', url);
      this.#add('titles', title);
    }
    this.#add('consoles', ...(this.printed.read ? await this.printed.read() : this.printed));
    for (const { page, url } of await this.browser.pages()) {
      if (!url.startsWith(this.browser.origin)) continue;
      this.#listen(page);
      const read = await page.evaluate(readPage).catch(() => ({}));
      for (const [sink, texts] of Object.entries(read)) this.#add(sink, ...texts);
    }
    const read = await this.tokenkeep.page.evaluate(readBrowser);
    for (const [sink, texts] of Object.entries(read)) this.#add(sink, ...texts);
  }

  /** What a test itself puts into a page is nothing that the extension shows. */
  async unseen(work) {
    this.#paused = true;
    await this.looking;
    try {
      return await work();
    } finally {
      this.#paused = false;
    }
  }

  /** Keeps what the test found elsewhere. */
  keep(sink, ...texts) {
    this.#add(sink, ...texts);
  }

  /** Everything that was seen, by where; the watch goes on. */
  async seen() {
    await this.look();
    return Object.fromEntries([...this.#seen].map(([sink, texts]) => [sink, [...texts]]));
  }

  async stop() {
    this.#running = false;
    await this.loop;
    for (const event of ['targetcreated', 'targetchanged']) this.browser.browser.off(event, this.onTarget);
  }
}
