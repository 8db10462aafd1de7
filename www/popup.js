// Starts the page. Rust decides all that it shows; only a start that failed is shown from here.
async function start() {
  let failed = "view-broken"; // WebAssembly is switched off, or a file is damaged.
  try {
    const { default: init, popup } = await import("./tokenkeep.js");
    await init({ module_or_path: new URL("tokenkeep_bg.wasm", import.meta.url) });
    failed = "view-error";
    await popup();
  } catch (error) {
    console.error(error);
    document.getElementById("error-text").textContent = String(error);
    for (const view of document.querySelectorAll(".view")) view.hidden = view.id !== failed;
  }
}

start();
