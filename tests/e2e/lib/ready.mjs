// When a page is ready: measured in the page, by its own clock, from the start of its navigation.

/** What a person clicks first: the main action of a profile, or the only button of the plain page. */
export const MAIN_ACTION = '.profile-main, #ready';

/**
 * Runs in the page before it is parsed (`view` is its window); calls `report` with the milliseconds after which the first
 * frame came in which the main action could be clicked.
 */
export function watchForReady(view, selector, report) {
  view.requestAnimationFrame(function look() {
    const button = view.document.querySelector(selector);
    if (button && !button.disabled && button.checkVisibility()) report(view.performance.now());
    else view.requestAnimationFrame(look);
  });
}
