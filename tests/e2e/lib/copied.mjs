// The copy of storage.local, in IndexedDB.

/** Its texts by their keys; `tokenkeep` has a page of the extension. */
export function copied(tokenkeep) {
  return tokenkeep.page.evaluate(async () => {
    const { indexedDB: factory } = (await navigator.storageBuckets?.open('copy')) ?? globalThis;
    return new Promise((resolve, reject) => {
        const opening = factory.open('tokenkeep', 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore('copy');
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const reading = opening.result.transaction('copy');
          const [keys, texts] = [reading.objectStore('copy').getAllKeys(), reading.objectStore('copy').getAll()];
          reading.oncomplete = () => resolve(Object.fromEntries(keys.result.map((key, at) => [key, texts.result[at]])));
          opening.result.close();
        };
    });
  });
}
