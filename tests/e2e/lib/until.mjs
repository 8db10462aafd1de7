// Waiting for a condition. Nothing in these tests sleeps for a fixed time to let something happen.

import { setTimeout as pause } from 'node:timers/promises';

/**
 * Polls until `condition` gives something truthy, and returns it. An exception counts as "not yet", so that a page
 * that is being replaced can be asked; the last one is named when time runs out.
 */
export async function until(what, condition, { timeout = 15_000, every = 15 } = {}) {
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

/**
 * Holds for `time` ms that `condition` stays falsy: the only way to see that something does not happen. `time` is
 * measured against something that happens in the same time elsewhere, never a guess at how fast the browser is.
 */
export async function never(what, condition, { time, every = 25 }) {
  const deadline = performance.now() + time;
  while (performance.now() < deadline) {
    const value = await condition();
    if (value) throw new Error(`${what}: ${JSON.stringify(value)}`);
    await pause(every);
  }
}
