// Storage that does not take what the worker writes, as with a disk that is full.

/** From now on this worker can't write `storage.local`. */
export function refuseWrites(browser) {
  return browser.evaluateInWorker((scope) => {
    for (const local of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage.local))) {
      scope.takes ??= local.set;
      local.set = async () => {
        throw new Error('the disk is full');
      };
    }
  });
}

/** It can again. */
export function takeWrites(browser) {
  return browser.evaluateInWorker((scope) => {
    for (const local of new Set([scope.browser, scope.chrome].filter(Boolean).map((api) => api.storage.local))) {
      local.set = scope.takes.bind(local);
    }
  });
}
