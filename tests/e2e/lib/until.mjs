// Waiting for a condition. Nothing in these tests sleeps for a fixed time to let something happen.

import { setTimeout as pause } from 'node:timers/promises';

/**
 * Polls until `condition` gives something truthy, and returns it. An exception counts as "not yet", so that a page
 * that is being replaced can be asked; the last one is named when time runs out.
 */
export async function until(what, condition, { timeout = 40_000, every = 15 } = {}) {
  const deadline = performance.now() + timeout;
  let last;
  for (;;) {
    try {
      const value = await condition();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeout} ms in vain until ${what}${last ? ` (${last.message})` : ''}`);
    }
    await pause(every);
  }
}

/** Brings the page to the front and waits until nothing in it moves any more, but for what moves for ever. */
export async function settled(page) {
  // Nothing moves on in a page that is not seen.
  await page.bringToFront();
  await until('nothing moves', () =>
    page.evaluate(() => {
      // Reading a style starts the transitions that are due.
      getComputedStyle(document.body).color;
      // What stands in a closed <details> waits for ever.
      const moving = document
        .getAnimations()
        .filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity && effect.target.checkVisibility());
      return moving.every(({ playState }) => playState !== 'running');
    }),
  );
}
