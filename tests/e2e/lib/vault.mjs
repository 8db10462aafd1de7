// Storage under a passphrase, as a person sets it, locks it and opens it.

import { Manager } from './manager.mjs';
import { fill, mark, reloaded, throughReloads } from './tokenkeep.mjs';

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

/** Waits until a page that was marked is loaded anew and shows this. */
export async function loadedAnew(page, view = 'view-settings') {
  await reloaded(page.page);
  await shows(page, view);
}

/** Sets a passphrase where there is none. */
export async function protect(tokenkeep, passphrase = PASSPHRASE) {
  await mark(tokenkeep.page);
  const manager = await fillVault(tokenkeep.browser, { passphrase, again: passphrase });
  await loadedAnew(manager);
  await loadedAnew(tokenkeep, 'view-home');
  await madeAnew(tokenkeep);
  return manager;
}

/** Waits until storage is made anew. While that is done it is empty, and has no mark either. */
export function madeAnew(tokenkeep) {
  return throughReloads('storage is made anew', async () => {
    const { schema, unsettled } = await tokenkeep.raw(['schema', 'unsettled']);
    return schema !== undefined && unsettled === undefined;
  });
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
