// The manager (manager.html in a tab), and what a person does with it.

import { Tokenkeep, fill } from './tokenkeep.mjs';
import { until } from './until.mjs';

/** The manager shares its form, and what is stored, with the popup. */
export class Manager extends Tokenkeep {
  /** Opens one and waits until it shows something. */
  static async open(browser, hash = '') {
    const manager = new Manager(browser, await browser.openExtensionPage(`manager.html${hash}`));
    await manager.page.setViewport({ width: 1280, height: 800 });
    await manager.shown();
    return manager;
  }

  /** Goes to a section as a link would. */
  async go(hash, view) {
    await this.page.evaluate((wanted) => {
      location.hash = wanted;
    }, hash);
    await this.shown(view);
  }

  /** Opens one at a section. */
  static async at(browser, section) {
    const manager = await Manager.open(browser, `#${section}`);
    await manager.shown(`view-${section}`);
    return manager;
  }

  /** Puts a text into the import's field. */
  async paste(text) {
    await this.front();
    await fill(this.page, '#import_text', text);
  }

  row(id) {
    return `.row[data-profile="${id}"]`;
  }

  /** The names in the list, from the top. */
  names() {
    return this.page.$$eval('.row-name', (names) => names.map((name) => name.textContent));
  }

  /** Waits until the list shows these names in this order. */
  async listed(...names) {
    const wanted = names.join(' | ');
    let seen;
    try {
      await until(`the list shows ${wanted}`, async () => (seen = (await this.names()).join(' | ')) === wanted);
    } catch (error) {
      throw new Error(`${error.message}; it shows ${seen}`);
    }
  }

  /** Opens a profile's form by its name in the list. */
  async edit(id) {
    await this.click(`${this.row(id)} .row-name`);
    await this.shown('view-setup');
  }

  /** Saves the form and waits for the list. */
  async save() {
    await this.click('#setup_save');
    await this.shown('view-profiles');
  }

  /** The class of what has the focus, and the profile that it stands in. */
  focused() {
    return this.page.evaluate(() => {
      const { activeElement: focused } = document;
      return { id: focused.id, class: focused.classList[0], profile: focused.closest('.row')?.dataset.profile };
    });
  }

  /** What stands in storage under a profile's keys. */
  async records(id) {
    const all = await this.local();
    const kinds = ['profile', 'secret', 'token'];
    return Object.fromEntries(kinds.map((kind) => [kind, all[`${kind}:${id}`]]));
  }
}
