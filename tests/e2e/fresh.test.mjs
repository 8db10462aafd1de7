// The first minutes of a new user: nothing stored, no host ever granted, the worker as the installation started it.

import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { launch } from './lib/browser.mjs';
import { Sandbox } from './lib/sandbox.mjs';
import { BROWSER, onlyIn } from './lib/stage.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

test('the page that the installation opens leads to a token', async () => {
  const sandbox = await Sandbox.start();
  after(() => sandbox.stop());
  const browser = await launch(BROWSER, { sandbox });
  after(() => browser.close());
  const page = await until('the extension opens its page by itself', async () =>
    (await browser.pages()).find(({ url }) => url === `${browser.origin}/popup.html`)?.page,
  );
  const tokenkeep = new Tokenkeep(browser, page);
  await tokenkeep.shown('view-setup');
  assert.deepEqual(await tokenkeep.hosts(), []);
  assert.equal(await browser.workerRuns(), true);

  const { app, redirect_hosts: hosts } = sandbox.ready;
  await tokenkeep.fillSetup({
    client_id: app.client_id,
    client_secret: app.client_secret,
    redirect_uri: hosts.live_https,
    scope: 'openid profile email',
  });
  await tokenkeep.click('#setup_submit');
  const id = await until('the profile is saved', async () => (await tokenkeep.index())[0]?.id);
  const flow = await tokenkeep.startedFlow(id);
  await flow.complete();
  await tokenkeep.inState(id, 'token');

  // And again after a host was taken back while the worker slept.
  await until('nothing wakes the worker', async () => {
    await browser.killWorker();
    return !(await browser.workerRuns());
  });
  await tokenkeep.removeHosts();
  await sandbox.reset();
  await (await tokenkeep.authorize(id)).complete();
  const { redirect_host_requests: requests, refused_hosts: refused } = await sandbox.counters();
  assert.equal(requests, 0);
  assert.deepEqual(refused, [], 'the browser asked for nothing else');
});

test('the browser warns of nothing at installation', onlyIn('chromium', 'Firefox has no such check'), async () => {
  const sandbox = await Sandbox.start();
  after(() => sandbox.stop());
  const browser = await launch(BROWSER, { sandbox });
  after(() => browser.close());
  const { page } = await Tokenkeep.open(browser);
  const warnings = await page.evaluate(async () => {
    const manifest = chrome.runtime.getManifest();
    const of = (text) => new Promise((resolve) => chrome.management.getPermissionWarningsByManifest(text, resolve));
    const more = { ...manifest, permissions: [...manifest.permissions, 'webNavigation'] };
    return [await of(JSON.stringify(manifest)), await of(JSON.stringify(more))];
  });
  assert.deepEqual(warnings[0], []);
  assert.equal(warnings[1].length, 1, 'the check itself works');
});
