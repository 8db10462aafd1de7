// background.js when Rust traps: the shipped file with a stand-in for the module that it imports.

import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { extensionPath } from './lib/environment.mjs';

/** An instance that traps at the event `trap`, and is good for nothing afterwards, as a trapped one is. */
const STAND_IN = `
export let instances = 0;
let dead = true;
export default async function init() { if (!dead) return; dead = false; instances += 1; }
export function __wbg_reset_state() { dead = true; }
export async function handle(event, [message]) {
  if (message?.trap) { message.trap = false; throw new WebAssembly.RuntimeError('unreachable'); }
  if (message?.hangs) return new Promise(() => {});
  if (message?.fails) throw new Error('storage refused');
  return { event, instance: instances };
}
`;

test('a trap costs its event and its instance; the next event has a new one, and a mere error keeps the present one', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tokenkeep-trap-'));
  t.after(() => rm(folder, { recursive: true }));
  await copyFile(join(extensionPath('chromium'), 'background.js'), join(folder, 'background.js'));
  await writeFile(join(folder, 'worker.js'), STAND_IN);
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  let listener;
  const event = { addListener() {}, removeListener() {} };
  const area = new Proxy({}, { get: () => event });
  const onMessage = { addListener: (added) => (listener = added) };
  globalThis.chrome = new Proxy(
    { runtime: new Proxy({ onMessage }, { get: (given, name) => given[name] ?? event }) },
    { get: (given, name) => given[name] ?? area },
  );
  // What a worker has and this program may not.
  const listeners = {};
  globalThis.addEventListener = (name, added) => (listeners[name] = added);
  globalThis.navigator ??= {};
  t.after(() => {
    delete globalThis.chrome;
    delete globalThis.addEventListener;
  });
  await import(pathToFileURL(join(folder, 'background.js')));
  const send = (message) => new Promise((resolve) => void listener(message, {}, resolve));

  assert.equal((await send({})).instance, 1);
  assert.match((await send({ trap: true })).Failed.message, /unreachable/);
  assert.equal((await send({})).instance, 2);
  assert.match((await send({ fails: true })).Failed.message, /storage refused/);
  assert.equal((await send({})).instance, 2);
  // Behind its first wait a trap rejects nothing: the browser tells of it, and whoever waits for the instance is told.
  for (const [name, told] of [
    ['error', (error) => ({ error })],
    ['unhandledrejection', (reason) => ({ reason })],
  ]) {
    const { instance } = await send({});
    const waiting = [send({ hangs: true }), send({ hangs: true })];
    await new Promise(setImmediate);
    listeners[name](told(new Error('something else')));
    assert.equal((await send({})).instance, instance);
    const trap = new WebAssembly.RuntimeError('unreachable');
    listeners[name](told(trap));
    for (const answer of await Promise.all(waiting)) assert.match(answer.Failed.message, /unreachable/);
    assert.equal((await send({})).instance, instance + 1);
    listeners.unhandledrejection({ reason: trap });
    assert.equal((await send({})).instance, instance + 1, 'told twice');
  }
});
