// How fast a page of an extension is ready, next to the same page without a program.

import { copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { launch } from './browser.mjs';
import { extensionPath } from './environment.mjs';
import { until } from './until.mjs';
import { zip } from './zip.mjs';

const PLAIN_ID = 'plain@tokenkeep.dev';

/** The middle of these numbers. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Samples of several things, taken in turn (A, B, A, B …) so that whatever else the machine does hits all alike. Each
 * round begins with another one. The first `warmUp` rounds are thrown away.
 */
export async function interleaved(things, { samples, warmUp }) {
  const names = Object.keys(things);
  const taken = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < warmUp + samples; round += 1) {
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length];
      const sample = await things[name]();
      if (round >= warmUp) taken[name].push(sample);
    }
  }
  return taken;
}

/**
 * An extension whose one page is the popup as it looks when it is ready, with one profile, as plain HTML: the same
 * document and style sheet, no module, no WebAssembly, no storage; its script binds one listener.
 */
async function plainExtension() {
  const directory = await mkdtemp(join(tmpdir(), 'tokenkeep-plain-'));
  const packed = extensionPath('chromium');
  const popup = await readFile(join(packed, 'popup.html'), 'utf8');
  const template = (id) => new RegExp(`<template id="${id}">([^]*?)</template>`).exec(popup)[1];
  const card = template('profile-template').replace('</li>', `${template('detail-template')}</li>`);
  const html = popup
    .replace(/<link rel="preload"[^>]*>/, '')
    .replace(/<script[^>]*><\/script>/, '<script src="plain.js" defer></script>')
    .replaceAll('icons/icon.svg', 'icon.svg')
    .replace(/(<section id="view-loading"[^>]*)>/, '$1 hidden>')
    .replace(/(<section id="view-home"[^>]*) hidden>/, '$1>')
    .replace(/(<ul id="profiles"[^>]*>)/, `$1${card.replace(/(class="profile-main[^>]*>)/, '$1Copy token')}`);
  await writeFile(join(directory, 'plain.html'), html);
  await writeFile(
    join(directory, 'plain.js'),
    `document.querySelector(".profile-toggle").addEventListener("click", (event) => {
  event.currentTarget.setAttribute("aria-expanded", "true");
});\n`,
  );
  await writeFile(
    join(directory, 'manifest.json'),
    JSON.stringify({
      manifest_version: 3,
      name: 'Plain page',
      version: '1.0',
      browser_specific_settings: { gecko: { id: PLAIN_ID } },
    }),
  );
  await copyFile(join(packed, 'popup.css'), join(directory, 'popup.css'));
  await copyFile(join(packed, 'icons', 'icon.svg'), join(directory, 'icon.svg'));
  return directory;
}

/** Starts a browser with the packed extension and the plain one; the result also has `plainOrigin` and `plain`. */
export async function launchWithPlain(name, options) {
  const plain = await plainExtension();
  if (name === 'chromium') {
    const browser = await launch(name, options);
    const id = await browser.browser.installExtension(plain);
    return Object.assign(browser, { plain, plainOrigin: `chrome-extension://${id}` });
  }
  const profile = await mkdtemp(join(tmpdir(), 'tokenkeep-firefox-'));
  await mkdir(join(profile, 'extensions'));
  await writeFile(join(profile, 'extensions', `${PLAIN_ID}.xpi`), await zip(plain));
  const browser = await launch(name, { ...options, profile });
  const host = await until('the plain page is there', () =>
    browser.chrome((id) => WebExtensionPolicy.getByID(id)?.mozExtensionHostname, PLAIN_ID),
  );
  await browser.chrome(installProbe, String(watch));
  return Object.assign(browser, { plain, plainOrigin: `moz-extension://${host}` });
}

/**
 * Chromium gives each extension a process of its own and ends it with its last page: one that shows nothing stays, so
 * that no sample begins with a new process. Firefox keeps one process for all extensions.
 */
export async function keepPlainProcess(browser) {
  if (browser.name !== 'chromium') return;
  const page = await browser.newPage();
  await page.goto(`${browser.plainOrigin}/icon.svg`);
}

/**
 * Tells when the main action of a page can be clicked: it has a place on the page, and a click beside it, on the card's
 * head, is answered, so that the listeners are bound. `ready` is when that is so, `painted` when a frame showed it; both
 * in milliseconds from the start of the navigation. Runs in the page, before anything else of it.
 */
function watch(view, tell) {
  const { document, performance } = view;
  const observer = new view.MutationObserver(look);
  function look() {
    const main = document.querySelector('#profiles .profile-main');
    if (!main || main.disabled || main.getBoundingClientRect().height === 0) return;
    const ready = performance.now();
    const head = document.querySelector('#profiles .profile-toggle');
    const before = head.getAttribute('aria-expanded');
    head.click();
    if (head.getAttribute('aria-expanded') === before) return;
    observer.disconnect();
    document.removeEventListener('DOMContentLoaded', look);
    view.requestAnimationFrame(() => view.setTimeout(() => tell({ ready, painted: performance.now() })));
  }
  observer.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['hidden'] });
  document.addEventListener('DOMContentLoaded', look);
}

/** Puts `watch` into every page of an extension. BiDi's preload scripts leave these pages out. */
function installProbe(source) {
  const script = `"use strict";
    addEventListener("DOMDocElementInserted", ({ target }) => {
      const view = target.defaultView;
      if (view?.location.protocol === "moz-extension:") (${source})(view, (times) => sendAsyncMessage("Tokenkeep:ready", times));
    }, true);`;
  Services.mm.loadFrameScript(`data:application/javascript,${encodeURIComponent(script)}`, true);
}

/** Opens a page in a new tab, waits until its main action can be clicked, closes it; returns the times of `watch`. */
export async function openUntilReady(browser, url) {
  // What the tab before has left to do must not run into this one.
  await pause(60);
  const times = await (browser.name === 'chromium' ? openInChromium(browser, url) : browser.chrome(openInFirefox, url));
  if (!times) throw new Error(`${url} was not ready within 15 s`);
  return times;
}

async function openInChromium(browser, url) {
  const page = await browser.browser.newPage();
  try {
    await page.evaluateOnNewDocument(`globalThis.benchTimes = new Promise((tell) => (${watch})(globalThis, tell));`);
    await page.goto(url, { waitUntil: 'load' });
    return await page.evaluate(
      () => Promise.race([globalThis.benchTimes, new Promise((resolve) => setTimeout(resolve, 15_000))]),
    );
  } finally {
    await page.close();
  }
}

async function openInFirefox(url) {
  let heard;
  const times = new Promise((resolve) => {
    heard = ({ data }) => resolve(data);
    setTimeout(resolve, 15_000);
  });
  Services.mm.addMessageListener('Tokenkeep:ready', heard);
  const tab = gBrowser.addTab(url, { triggeringPrincipal: Services.scriptSecurityManager.getSystemPrincipal() });
  gBrowser.selectedTab = tab;
  try {
    return await times;
  } finally {
    Services.mm.removeMessageListener('Tokenkeep:ready', heard);
    gBrowser.removeTab(tab);
  }
}
