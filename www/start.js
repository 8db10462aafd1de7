// Starts a page. The build puts it at the end of the page's script, so that one request brings both; it runs while the document
// is still read, and asks storage while WebAssembly is compiled. Rust decides all that the page shows; only a start that
// failed is shown from here.
async function start() {
  let failed = "view-broken"; // WebAssembly is switched off, or a file is damaged.
  const whole = new Promise((resolve) => {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", resolve);
    else resolve();
  });
  try {
    const api = globalThis.browser ?? globalThis.chrome;
    // Compiled at once and here: for this size a browser's way to do it elsewhere takes longer.
    const module = fetch(document.currentScript.src.replace(".js", "_bg.wasm")).then((answer) => answer.arrayBuffer());
    // The records that the last page showed: the index, which is asked for along with them, tells whether they are still
    // all that is needed.
    const shown = localStorage.getItem("shown")?.split(" ") ?? [];
    const asked = [api.tabs.getCurrent(), api.storage.session.get(["engine", "key"]), api.storage.local.get(["schema", "index", "vault", "waiting", ...shown])];
    wasm_bindgen.initSync({ module: await module });
    await whole;
    failed = "view-error";
    await (wasm_bindgen.popup ?? wasm_bindgen.manager)(...asked, shown);
  } catch (error) {
    console.error(error);
    await whole;
    document.getElementById("error-text").textContent = String(error);
    for (const view of document.querySelectorAll(".view")) view.hidden = view.id !== failed;
  }
}

start();
