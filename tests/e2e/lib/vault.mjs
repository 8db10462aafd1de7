// Storage under a passphrase, as a person sets it, locks it and opens it.

import { Manager } from './manager.mjs';
import { fill, throughReloads } from './tokenkeep.mjs';

export const PASSPHRASE = 'tundra velvet okapi lantern';

/** Waits for a view of a page that may be loaded anew. */
export function shows(tokenkeep, view) {
  return throughReloads(`${view} is shown`, async () => (await tokenkeep.view()) === view);
}

/** Fills the passphrase's section of the settings and presses a button. */
export async function fillVault(browser, fields, button = '#vault_go') {
  const manager = await Manager.open(browser, '#settings');
  await manager.shown('view-settings');
  for (const [id, value] of Object.entries(fields)) await fill(manager.page, `#vault_${id}`, value);
  await mark(manager.page);
  await manager.click(button);
  return manager;
}

/** Tells a page as it is from the one that is loaded anew. */
export function mark(page) {
  return page.evaluate(() => {
    globalThis.former = true;
  });
}

/** Waits until a page that was marked is loaded anew and shows this. */
export function loadedAnew(page, view = 'view-settings') {
  return throughReloads('the page is loaded anew', async () => {
    const anew = await page.page.evaluate(() => globalThis.former === undefined);
    return anew && (await page.view()) === view;
  });
}

/** Sets a passphrase where there is none. */
export async function protect(tokenkeep, passphrase = PASSPHRASE) {
  await mark(tokenkeep.page);
  const manager = await fillVault(tokenkeep.browser, { passphrase, again: passphrase });
  await loadedAnew(manager);
  await loadedAnew(tokenkeep, 'view-home');
  await throughReloads('storage was made anew', async () => (await tokenkeep.raw('unsettled')).unsettled === undefined);
  return manager;
}

export async function lock(tokenkeep) {
  await tokenkeep.click('#lock');
  await shows(tokenkeep, 'view-locked');
}

/** The lock is over when the key is gone. */
export function keyGone(tokenkeep) {
  return throughReloads('the key is gone', () =>
    tokenkeep.page.evaluate(async () => !(await chrome.storage.session.get('key')).key),
  );
}

export async function unlock(tokenkeep, passphrase = PASSPHRASE) {
  await fill(tokenkeep.page, '#locked_passphrase', passphrase);
  await tokenkeep.click('#locked_go');
}
