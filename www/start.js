// Starts a page. The build puts it before what wasm-bindgen made, so that one request brings both, and storage is asked first
// of all. Rust decides all that the page shows; only a start that failed is shown from here.
const api = globalThis.browser ?? globalThis.chrome;

async function start() {
  let failed = "view-broken"; // WebAssembly is switched off, or a file is damaged.
  try {
    // The page asked for it before it came to its script. Compiled at once and here: for this size a browser's way to do it
    // elsewhere takes longer.
    const module = fetch(document.currentScript.src.replace(".js", "_bg.wasm")).then((answer) => answer.arrayBuffer());
    // The records that the last page showed: the index, which is asked for along with them, tells whether they are still
    // all that is needed.
    const shown = localStorage.getItem("shown")?.split(" ") ?? [];
    const asked = [api.tabs.getCurrent(), api.storage.session.get(["engine", "key"]), api.storage.local.get(["schema", "index", "vault", "waiting", "damage", ...shown])];
    const bytes = await module; // The rest of this script comes first.
    wasm_bindgen.initSync({ module: bytes });
    failed = "view-error";
    await (wasm_bindgen.popup ?? wasm_bindgen.manager)(...asked, shown);
  } catch (error) {
    console.error(error);
    document.getElementById("error-text").textContent = String(error);
    for (const view of document.querySelectorAll(".view")) view.hidden = view.id !== failed;
  }
}

// What a person can save when nothing else works, WebAssembly included: all that is stored, as it stands, and its copy.
async function rescue() {
  // What can't be read is refused once, and left out afterwards.
  const stored = () => api.storage.local.get(null);
  const saved = { local: await stored().catch(stored).catch(String), copy: await copied().catch(String) };
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(saved, null, 1)], { type: "application/json" }));
  link.download = "tokenkeep-storage.json";
  link.click();
  setTimeout(URL.revokeObjectURL, 60_000, link.href);
}

// The copy of src/browser/copy.rs.
async function copied() {
  const { indexedDB: factory } = (await navigator.storageBuckets?.open("copy")) ?? globalThis;
  return new Promise((resolve, reject) => {
    const opening = factory.open("tokenkeep", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("copy");
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const reading = opening.result.transaction("copy");
      const [keys, texts] = [reading.objectStore("copy").getAllKeys(), reading.objectStore("copy").getAll()];
      reading.onabort = () => reject(reading.error);
      reading.oncomplete = () => resolve(Object.fromEntries(keys.result.map((key, at) => [key, texts.result[at]])));
      opening.result.close();
    };
  });
}

document.addEventListener("click", ({ target }) => {
  if (target.classList.contains("rescue")) void rescue();
});

start();
