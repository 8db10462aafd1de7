// Starts the page. Rust decides all that it shows; only a start that failed is shown from here.
import init, { popup } from "./tokenkeep.js";

function show(id, error) {
  console.error(error);
  for (const view of document.querySelectorAll(".view")) view.hidden = view.id !== id;
}

init({ module_or_path: new URL("tokenkeep_bg.wasm", import.meta.url) }).then(
  () =>
    Promise.resolve().then(popup).catch((error) => {
      document.getElementById("error-text").textContent = String(error);
      show("view-error", error);
    }),
  // WebAssembly is switched off, or its file is damaged.
  (error) => show("view-broken", error),
);
