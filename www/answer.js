// The end of the worker that seals and opens backups; the build puts it behind the module's bindings. It answers one message
// after the other and decides nothing: the page that started it ends it.
let ready;

addEventListener("message", async ({ data: [name, ...args] }) => {
  try {
    ready ??= fetch("safe_bg.wasm").then(async (answer) => wasm_bindgen.initSync({ module: await answer.arrayBuffer() }));
    await ready;
    postMessage({ done: wasm_bindgen[name](...args) });
  } catch (error) {
    // The reason's code; whatever else happened is no reason that a person could do anything about.
    postMessage({ failed: typeof error === "string" ? error : "broken" });
  }
});
