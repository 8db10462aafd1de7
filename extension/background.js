// Listeners, and nothing else: a browser wakes a stopped worker only for listeners that are registered in its first
// turn, and WebAssembly comes later. What an event means is decided in Rust (src/browser/worker/).
import init, { __wbg_reset_state, handle } from "./worker.js";

const api = globalThis.browser ?? globalThis.chrome;
let core;
const known = new WeakSet(); // Of an event that nobody waits for, the browser tells once more.

function begin() {
  const begun = { ready: init({ module_or_path: new URL("worker_bg.wasm", import.meta.url) }) };
  begun.trapped = new Promise((_, reject) => {
    begun.trap = reject;
  });
  begun.trapped.catch(() => {}); // Nobody may be waiting.
  return begun;
}

// A trap leaves an instance that can't be trusted; the next event gets a new one, and storage has the state.
function trapped(error) {
  if (!core || !(error instanceof WebAssembly.RuntimeError) || known.has(error)) return;
  known.add(error);
  const { trap } = core;
  core = undefined;
  __wbg_reset_state();
  trap(error);
}

async function run(event, args) {
  core ??= begin();
  const { ready, trapped: dead } = core;
  try {
    await ready;
  } catch (error) {
    core = undefined;
    throw error;
  }
  try {
    return await Promise.race([handle(event, args), dead]);
  } catch (error) {
    trapped(error);
    throw error;
  }
}

// Behind its first wait, a trap in Rust rejects no promise: it ends a turn of its own.
addEventListener("error", ({ error }) => trapped(error));
addEventListener("unhandledrejection", ({ reason }) => trapped(reason));

function listen(path) {
  const [area, event] = path.split(".");
  api[area][event].addListener((...args) => void run(path, args));
}

// The authorization endpoints; nothing else lies below, so that the worker sleeps while the person reads LinkedIn.
const AUTHORIZATION = ["https://www.linkedin.com/oauth/*"];
const REQUESTS = [
  // A callback that our rule blocked.
  ["onErrorOccurred", { urls: ["<all_urls>"], types: ["main_frame"] }],
  // The worker's own authorization request: where a redirect leads is told here and nowhere else. Firefox has no
  // onBeforeRedirect for a request that follows none.
  ["onHeadersReceived", { urls: AUTHORIZATION, types: ["xmlhttprequest"], tabId: -1 }, ["responseHeaders"]],
  // An error page in a tab.
  ["onCompleted", { urls: AUTHORIZATION, types: ["main_frame"] }],
].map(([event, ...rest]) => [event, (details) => void run(`webRequest.${event}`, [details]), rest]);

function watchRequests() {
  for (const [event, listener, rest] of REQUESTS) {
    api.webRequest[event].removeListener(listener);
    api.webRequest[event].addListener(listener, ...rest);
  }
}

const onClicked = (id) => void run("notifications.onClicked", [id]);
const onStateChanged = (state) => void run("idle.onStateChanged", [state]);

function watch() {
  watchRequests();
  // Optional permissions: without them there are no such APIs.
  api.notifications?.onClicked.removeListener(onClicked);
  api.notifications?.onClicked.addListener(onClicked);
  api.idle?.onStateChanged.removeListener(onStateChanged);
  api.idle?.onStateChanged.addListener(onStateChanged);
}

watch();
// Chromium drops a webRequest listener that is registered while no host is granted: once one is, it must come again.
api.permissions.onAdded.addListener(watch);
listen("tabs.onRemoved");
listen("permissions.onAdded");
listen("permissions.onRemoved");
listen("alarms.onAlarm");
listen("runtime.onStartup");
listen("runtime.onInstalled");

api.runtime.onMessage.addListener((message, sender, sendResponse) => {
  run("runtime.onMessage", [message, sender]).then(sendResponse, (error) => {
    sendResponse({ Failed: { message: String(error?.message ?? error) } });
  });
  return true;
});

// Only a worker that runs hears of a network. Chromium's has no such event, and hears of each change of the connection.
const onOnline = () => navigator.onLine && void run("online", []);
addEventListener("online", onOnline);
navigator.connection?.addEventListener("change", onOnline);
// No event tells of an extension that is switched on again.
void run("start", []);
