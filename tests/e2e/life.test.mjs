// Workers that are stopped, browsers that die, permissions that come and go.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { onlyIn, stage, startFresh } from './lib/stage.mjs';
import { Tokenkeep } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();

beforeEach(() => startFresh(on));

describe('the worker is stopped', () => {
  test('before the click on Authorize', async () => {
    const { tokenkeep, browser, sandbox } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    await browser.killWorker();
    await (await tokenkeep.authorize(id)).complete();
    assert.equal((await sandbox.counters()).redirect_host_requests, 0);
  });

  test('before the redirect', async () => {
    const { tokenkeep, browser, sandbox } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    const flow = await tokenkeep.authorize(id);
    await flow.signIn();
    await browser.killWorker();
    await until('the worker is stopped', async () => !(await browser.workerRuns()));
    await flow.complete();
    assert.equal((await sandbox.counters()).redirect_host_requests, 0);
  });

  test('while the code is exchanged: the outcome is called unknown and the code is not sent again', async () => {
    const { tokenkeep, browser, sandbox } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    await sandbox.fault('token', { kind: 'hang' }, 1);
    const flow = await tokenkeep.authorize(id);
    await flow.consent();
    await until('the POST is there', async () => (await sandbox.counters()).token_posts === 1);
    await browser.killWorker();
    // Any event wakes a worker; a page that opens sends none, so a tab is opened and closed.
    await (await browser.newPage()).close();
    assert.equal(await flow.outcome(), 'outcome_unknown');
    assert.match((await tokenkeep.finding(id)).what, /interrupted/);
    const counters = await sandbox.counters();
    assert.equal(counters.token_posts, 1);
    assert.equal(counters.second_code_posts, 0);
    await (await tokenkeep.authorize(id)).complete();
  });

  // Firefox leaves a blocked tab at the page before, and delivers to the next event page what came for one that was stopped.
  const lossy = onlyIn('chromium', 'Firefox loses no event so');

  for (const [how, wake] of [
    ['an alarm', ({ tokenkeep }) => tokenkeep.page.evaluate(() => chrome.alarms.create('deadline', { when: Date.now() + 500 }))],
    ['a page that opens', async ({ browser }) => (await Tokenkeep.open(browser)).page.close()],
  ]) {
    test(`with the redirect in its hands: ${how} wakes one that finds it in the tab`, lossy, async () => {
      const { tokenkeep, browser, sandbox } = on;
      const id = await tokenkeep.addSandboxProfile('live_https');
      const flow = await tokenkeep.authorize(id);
      const callback = sandbox.ready.redirect_hosts.live_https;
      await flow.signIn();
      await browser.loseEvents(
        () => flow.consent(),
        async () => (await browser.tabs()).some(({ url }) => url.startsWith(callback)),
      );
      assert.equal(await flow.outcomeNow(), undefined);
      assert.equal((await sandbox.counters()).token_posts, 0);
      await wake(on);
      assert.equal(await flow.outcome(45_000), 'Token');
      const counters = await sandbox.counters();
      assert.deepEqual([counters.redirect_host_requests, counters.token_posts, counters.second_code_posts], [0, 1, 0]);
      await until('the blocked tab is closed', async () =>
        (await browser.tabs()).every(({ url }) => !url.startsWith(callback)),
      );
    });
  }

  test('with the closed tab in its hands: the next one ends the flow', lossy, async () => {
    const { tokenkeep, browser } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    const flow = await tokenkeep.authorize(id);
    const page = await flow.signIn();
    await browser.loseEvents(
      () => page.close(),
      async () => page.isClosed(),
    );
    assert.equal(await flow.outcomeNow(), undefined);
    await (await Tokenkeep.open(browser)).page.close();
    assert.equal(await flow.outcome(45_000), 'tab_closed');
  });

  test('after every step, and the page still shows the token', async () => {
    const { tokenkeep, browser } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    await browser.killWorker();
    const flow = await tokenkeep.authorize(id);
    // Earlier than this a kill interrupts the flow, which has its own end.
    await flow.tab();
    await browser.killWorker();
    await flow.signIn();
    await browser.killWorker();
    // A worker that is being stopped may die over the redirect; whoever then opens a page sees it found again.
    await flow.consent();
    await (await Tokenkeep.open(browser)).page.close();
    assert.equal(await flow.outcome(), 'Token');
    await tokenkeep.looked();
    await until('nothing wakes the worker any more', async () => {
      await browser.killWorker();
      return !(await browser.workerRuns());
    });
    const popup = await Tokenkeep.open(browser);
    await popup.inState(id, 'token');
    assert.equal(await browser.workerRuns(), false, 'a popup opens without waking the worker');
  });
});

describe('the browser dies', () => {
  test('profiles and token are there again; of a flow only the block of its code is left', async () => {
    const { browser, sandbox } = on;
    let { tokenkeep } = on;
    const done = await tokenkeep.addSandboxProfile('live_https');
    await (await tokenkeep.authorize(done)).complete();
    const token = await tokenkeep.storedToken(done);
    const open = await tokenkeep.addSandboxProfile('live_loopback');
    await sandbox.session(null);
    // The moment that matters: Firefox has noted that no flow has a lasting rule, and would not look for one.
    await until('the first flow has none left', async () => (await tokenkeep.lastingRules()).length === 0);
    await browser.writeLate();
    const flow = await tokenkeep.authorize(open);
    const page = await flow.tab();
    await until('LinkedIn asks to sign in', () => flow.asked(page));
    assert.ok((await tokenkeep.sessionRules()).length > 0);
    await browser.writePreferences();

    await browser.kill();
    await browser.start();
    tokenkeep = await Tokenkeep.open(browser);
    on.tokenkeep = tokenkeep;
    await tokenkeep.shown('view-home');
    assert.equal(await tokenkeep.state(done), 'token');
    assert.equal(await tokenkeep.storedToken(done), token);
    assert.match((await tokenkeep.finding(open)).what, /stopped Tokenkeep/);
    const { flows, guards } = await tokenkeep.engine();
    assert.deepEqual([Object.keys(flows), Object.keys(guards)], [[], [flow.id]]);
    assert.deepEqual(await tokenkeep.sessionRules(), []);
    // A tab that the browser brings back may still be allowed there.
    assert.deepEqual((await tokenkeep.lastingRules()).map(({ id }) => id), guards[flow.id].rules);
    // The stored token's next look is planned, as it should be, and the end of the block.
    await until('the alarms stand', async () => {
      const names = (await tokenkeep.alarms()).map(({ name }) => name);
      return names.sort().join() === 'deadline,tokens';
    });
    await tokenkeep.grantHosts();
    const again = await tokenkeep.authorize(open);
    await again.sendSignIn();
    assert.equal(await again.outcome(), 'Token');
  });
});

describe('permission', () => {
  test('is asked for by the click, and nothing starts before it is given', async () => {
    const { tokenkeep, browser, sandbox } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    await tokenkeep.removeHosts();
    await browser.setPrompts('ask');
    await tokenkeep.click(`${tokenkeep.card(id)} .profile-main`);
    await tokenkeep.inState(id, 'waiting_permission');
    const tabs = await browser.tabs();
    assert.ok(tabs.every(({ url }) => !url.includes('linkedin.com') && url !== 'about:blank#blocked'));
    assert.equal((await sandbox.counters()).authorization_requests, 0);
    assert.deepEqual(await tokenkeep.sessionRules(), []);
    // The page is closed on the prompt, as a popup is; Firefox takes that for a no. The next page offers it again.
    const next = await Tokenkeep.open(browser);
    await tokenkeep.page.close();
    on.tokenkeep = next;
    await next.inState(id, 'waiting_permission', 'failed');
    await browser.setPrompts('allow');
    // The flow that waited may go on.
    const { ended } = await next.engine();
    await next.click(`${next.card(id)} .profile-main`);
    const flow = await next.startedFlow(id, new Set([ended[id]?.flow]));
    await flow.complete();
    assert.equal((await sandbox.counters()).redirect_host_requests, 0);
  });

  test('refused at the prompt is a finding', onlyIn('firefox', "Chromium's prompt can't be answered without a display"), async () => {
    const { tokenkeep, browser, sandbox } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    await tokenkeep.removeHosts();
    await browser.setPrompts('ask');
    await tokenkeep.click(`${tokenkeep.card(id)} .profile-main`);
    await browser.answerPrompt('refuse');
    const finding = await tokenkeep.finding(id);
    assert.match(finding.what, /www\.linkedin\.com.*app\.tokenkeep\.test/);
    assert.equal((await sandbox.counters()).authorization_requests, 0);
    // And accepted the second time.
    const flow = await tokenkeep.flowBy(id, async () => {
      await tokenkeep.click(`${tokenkeep.card(id)} .profile-main`);
      await browser.answerPrompt('accept');
    });
    await flow.complete();
  });

  test('taken back before the redirect ends the flow, and no code is issued', async () => {
    const { tokenkeep, browser, sandbox } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    const flow = await tokenkeep.authorize(id);
    await flow.signIn();
    await tokenkeep.removeHosts();
    assert.equal(await flow.outcome(), 'permission_removed');
    await until('the tab is closed', async () => (await browser.tabs()).every(({ url }) => !url.includes('linkedin.com')));
    await tokenkeep.finding(id);
    const counters = await sandbox.counters();
    assert.equal(counters.token_posts, 0);
    assert.equal(counters.redirect_host_requests, 0);
  });

  test('taken back while the worker sleeps before the redirect: the code is not lost to the redirect host', async () => {
    const { tokenkeep, browser, sandbox } = on;
    const id = await tokenkeep.addSandboxProfile('live_https');
    const flow = await tokenkeep.authorize(id);
    await flow.signIn();
    await browser.killWorker();
    await tokenkeep.removeHosts();
    assert.equal(await flow.outcome(), 'permission_removed');
    const counters = await sandbox.counters();
    assert.equal(counters.token_posts, 0);
    assert.equal(counters.redirect_host_requests, 0);
  });
});
