// Empties the clipboard if it still holds what was copied here. A salted hash tells, so that no text leaves this document.
// Chromium's worker has no clipboard and opens clipboard.html for it; Firefox's background page runs this script itself.

/** Has the browser run `copy` or `paste`, which needs the permission and no focus; says whether it did. */
function command(name, use) {
  let used = false;
  const listener = (event) => {
    event.preventDefault();
    use(event.clipboardData);
    used = true;
  };
  // Nothing is pasted where nothing can be edited.
  const field = document.createElement("textarea");
  document.body.append(field);
  field.focus();
  document.addEventListener(name, listener);
  document.execCommand(name);
  document.removeEventListener(name, listener);
  field.remove();
  return used;
}

globalThis.clearClipboard = async ({ salt, hash }) => {
  let text;
  // No text: an image, say.
  if (!command("paste", (data) => (text = data.getData("text/plain")))) throw new Error("the clipboard could not be read");
  const bytes = new TextEncoder().encode(salt + text.replaceAll("\r\n", "\n"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (found === hash && !command("copy", (data) => data.setData("text/plain", ""))) {
    throw new Error("the clipboard could not be emptied");
  }
};

// Firefox's background page has other messages, and one listener for them.
if (location.pathname === "/clipboard.html") {
  chrome.runtime.onMessage.addListener(({ clipboard }, sender, answer) => {
    if (!clipboard) return false;
    clearClipboard(clipboard).then(
      () => answer(true),
      () => answer(false),
    );
    return true;
  });
}
