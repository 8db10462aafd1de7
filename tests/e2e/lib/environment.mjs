// What the drivers are told by the environment (`cargo xtask` sets it).

import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

function required(name, what) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: it names ${what}. \`cargo xtask test\` sets it; see \`cargo xtask test --help\`.`);
  }
  return resolve(value);
}

/** The packed extension: a directory unpacked from the Chromium zip, or the Firefox zip. */
export function extensionPath(browser) {
  return browser === 'firefox'
    ? required('TOKENKEEP_EXTENSION_FIREFOX', "Firefox's package (a zip)")
    : required('TOKENKEEP_EXTENSION_CHROMIUM', "the directory that Chromium's package was unpacked to");
}

/** The sandbox's binary. */
export function sandboxPath() {
  return required('TOKENKEEP_SANDBOX', 'the tokenkeep-sandbox binary');
}

/** Where screenshots go; made when missing. */
export function screenshotDirectory() {
  const directory = resolve(process.env.TOKENKEEP_SCREENSHOTS || 'screenshots');
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** `chromium` or `firefox`: `--browser` of the command line, else TOKENKEEP_BROWSER. */
export function browserName(argument) {
  const name = argument ?? process.env.TOKENKEEP_BROWSER ?? 'chromium';
  if (name !== 'chromium' && name !== 'firefox') {
    throw new Error(`no such browser: ${name} (chromium or firefox)`);
  }
  return name;
}

const PROGRAMS = {
  chromium: ['chromium', 'chromium-browser'],
  firefox: ['firefox-esr', 'firefox'],
};

/** The browser's program: TOKENKEEP_CHROMIUM or TOKENKEEP_FIREFOX, else the first one found in PATH. */
export function programOf(browser) {
  const chosen = process.env[`TOKENKEEP_${browser.toUpperCase()}`];
  if (chosen) return chosen;
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    for (const program of PROGRAMS[browser]) {
      const path = join(directory, program);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not here.
      }
    }
  }
  throw new Error(
    `no ${PROGRAMS[browser].join(' or ')} in PATH: install it (Debian: apt install ${PROGRAMS[browser][0]}), ` +
      `or name the program in TOKENKEEP_${browser.toUpperCase()}`,
  );
}
