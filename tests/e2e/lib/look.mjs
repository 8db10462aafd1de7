// What can be told of a page's look by a script: what is cut off, what is too small, what axe-core finds.

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** axe-core's violations on the page as it is; the page must be in front. */
export async function axeViolations(page) {
  if (!(await page.evaluate(() => globalThis.axe !== undefined))) {
    // As a function of its own: the page's policy forbids inline scripts.
    await page.evaluate(`(() => { ${axe}\n })()`);
  }
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
  });
}

/**
 * What does not fit: a page that scrolls sideways, an element whose content is wider than it is, or cut off below; and text
 * that is hard to read: below 11 px, or a name that is smaller than what stands beside it.
 *
 * Cut off on purpose are one-line texts that a person chose (names, addresses) and what can be scrolled.
 */
export function misfits(page) {
  return page.evaluate(() => {
    const CHOSEN =
      '.profile-name, .tag, .token-value, .row-name, .row-app, .row-client, .row-account, .found-name, .sign';
    const LEADS =
      'h1, h2:not(.profile-head), h3, .profile-name, .row-name, .found-name, .export-name, .trace-name, .product-name, .finding-what';
    const found = new Set();
    const name = (element) => {
      const own = element.id ? `#${element.id}` : `${element.localName}${[...element.classList].map((word) => `.${word}`).join('')}`;
      return `${own} “${element.textContent.trim().replace(/\s+/g, ' ').slice(0, 48)}”`;
    };
    const sizeOf = (element) => parseFloat(getComputedStyle(element).fontSize);
    const holdsText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== '');

    const { scrollingElement: root } = document;
    if (root.scrollWidth > innerWidth) found.add(`the page is ${root.scrollWidth} px wide in ${innerWidth}`);
    const shown = [...document.body.querySelectorAll('*')].filter(
      (element) => element.checkVisibility() && !element.closest('svg, .visually-hidden'),
    );
    for (const element of shown) {
      const style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      const typed = element.matches('input, textarea, select, option, progress');
      if (box.width > 0 && (box.right > root.clientWidth + 1 || box.left < -1) && !element.closest('pre, .products, .exports')) {
        found.add(`${name(element)} stands out of the page, from ${Math.round(box.left)} to ${Math.round(box.right)} px`);
      }
      const card = element.parentElement.closest('.profile, .card, .row, .found, .trace, .finding, .dialog, .toast')?.getBoundingClientRect();
      if (card && box.width > 0 && (box.right > card.right + 1 || box.left < card.left - 1)) {
        found.add(`${name(element)} stands out of its card`);
      }
      const clips = /hidden|clip/.test(style.overflowX);
      if (!typed && (clips || holdsText(element)) && style.display !== 'inline' && !element.closest(CHOSEN)) {
        const { scrollWidth, clientWidth, scrollHeight, clientHeight } = element;
        if (!/auto|scroll/.test(style.overflowX) && clientWidth > 0 && scrollWidth > clientWidth + 1) {
          found.add(`${name(element)} needs ${scrollWidth} px and has ${clientWidth}`);
        }
        if (/hidden|clip/.test(style.overflowY) && clientHeight > 0 && scrollHeight > clientHeight + 2) {
          found.add(`${name(element)} is ${scrollHeight} px high in ${clientHeight}`);
        }
      }
      if (holdsText(element) && sizeOf(element) < 11) found.add(`${name(element)} is written in ${sizeOf(element)} px`);
    }
    for (const lead of shown.filter((element) => element.matches(LEADS))) {
      const beside = [...lead.parentElement.parentElement.querySelectorAll('p, span, dd, code, label')].filter(
        (element) => element.checkVisibility() && holdsText(element) && !lead.contains(element) && !element.closest(LEADS),
      );
      for (const element of beside) {
        if (lead.textContent.trim() !== '' && sizeOf(element) > sizeOf(lead)) {
          found.add(`${name(lead)} (${sizeOf(lead)} px) is smaller than ${name(element)} (${sizeOf(element)} px)`);
        }
      }
    }
    return [...found];
  });
}
