// What must be refused, on the packed release build.

import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';

import { stage } from './lib/stage.mjs';
import { closeOthers } from './lib/tokenkeep.mjs';
import { until } from './lib/until.mjs';

const on = await stage();
const profile = await on.tokenkeep.addSandboxProfile('live_https');

beforeEach(async () => {
  const { sandbox, tokenkeep, browser } = on;
  await closeOthers(browser, tokenkeep.page);
  await sandbox.reset();
  await sandbox.session(sandbox.ready.member.username);
});

/** Runs a flow whose answer is mutated, and returns how it ended. */
async function answered(mutate, kind = '302') {
  const { sandbox, tokenkeep } = on;
  await sandbox.redirect(kind, mutate);
  const flow = await tokenkeep.authorize(profile);
  await flow.consent();
  return flow;
}

/** Nothing was exchanged, the redirect host heard nothing, and the page explains it. */
async function refused(outcome) {
  const { sandbox, tokenkeep } = on;
  const finding = await tokenkeep.finding(profile);
  assert.ok(finding.what && finding.why && finding.fix, `${outcome} is explained`);
  const counters = await sandbox.counters();
  assert.equal(counters.token_posts, 0, 'no exchange');
  assert.equal(counters.redirect_host_requests, 0, 'nothing at the redirect host');
}

describe('state', () => {
  for (const [defect, outcome] of Object.entries({
    wrong: 'state_mismatch',
    missing: 'state_missing',
    empty: 'state_missing',
    doubled: 'state_duplicate',
  })) {
    test(`${defect} state is refused`, async () => {
      const flow = await answered({ state: defect });
      assert.equal(await flow.outcome(), outcome);
      await refused(outcome);
    });
  }

  test('a replayed state is refused', async () => {
    const { sandbox, tokenkeep } = on;
    await (await tokenkeep.authorize(profile)).complete();
    const posts = (await sandbox.counters()).token_posts;
    // The member consented already, so the second answer comes without a page in between.
    await sandbox.redirect('302', { state: 'replay' });
    const flow = await tokenkeep.authorize(profile);
    assert.equal(await flow.outcome(), 'state_mismatch');
    const counters = await sandbox.counters();
    assert.equal(counters.token_posts, posts, 'no second exchange');
    assert.equal(counters.redirect_host_requests, 0);
  });
});

describe('iss', () => {
  test('the right issuer is taken', async () => {
    const flow = await answered({ iss: 'https://www.linkedin.com/oauth' });
    assert.equal(await flow.outcome(), 'Token');
  });

  for (const iss of ['https://evil.example', 'https://www.linkedin.com/oauth/', 'https://WWW.linkedin.com/oauth', 'https://www.linkedin.com:443/oauth']) {
    test(`iss ${iss} is refused`, async () => {
      const flow = await answered({ iss });
      assert.equal(await flow.outcome(), 'issuer_mismatch');
      await refused('IssuerMismatch');
    });
  }
});

describe('code', () => {
  for (const [defect, outcome] of Object.entries({
    missing: 'code_missing',
    empty: 'code_missing',
    doubled: 'duplicate_parameter',
  })) {
    test(`${defect} code is refused`, async () => {
      const flow = await answered({ code: defect });
      assert.equal(await flow.outcome(), outcome);
      await refused(outcome);
    });
  }
});

describe('error answers', () => {
  test('Cancel at consent is named', async () => {
    const { tokenkeep } = on;
    const flow = await tokenkeep.authorize(profile);
    const page = await flow.signIn();
    await page.bringToFront();
    await page.click('#cancel').catch(() => {
      // The tab may be gone before the click is acknowledged.
    });
    assert.equal(await flow.outcome(), 'user_cancelled_authorize');
    await refused('user_cancelled_authorize');
    assert.match((await tokenkeep.finding(profile)).why, /user_cancelled_authorize/);
  });

  test('markup in error_description is text', async () => {
    const { tokenkeep } = on;
    const markup = '<img src=x onerror=alert(1)><b>bold</b>';
    const flow = await answered({ error: { error: 'brand_new', error_description: markup, error_uri: 'javascript:alert(1)' } });
    assert.equal(await flow.outcome(), 'authorization_error');
    const card = tokenkeep.card(profile);
    await tokenkeep.finding(profile);
    assert.ok((await tokenkeep.text(`${card} .finding`)).includes('<b>bold</b>'), 'shown as it came');
    const elements = await tokenkeep.page.$$eval(`${card} img, ${card} b, ${card} a`, (found) => found.length);
    assert.equal(elements, 0, 'and made no element');
  });
});

describe('callbacks that only look alike', () => {
  const alike = {
    'a longer last segment (/callback.evil)': 'https://app.tokenkeep.test/callback.evil',
    'a longer path (/callbackx)': 'https://app.tokenkeep.test/callbackx',
    'a path below (/callback/x)': 'https://app.tokenkeep.test/callback/x',
    'another case (/Callback)': 'https://app.tokenkeep.test/Callback',
    'the host as user-info of another': 'https://app.tokenkeep.test@www.tokenkeep.test/callback',
    'the host as a label of another': 'https://app.tokenkeep.test.evil.example/callback',
    'another port': 'https://app.tokenkeep.test:8443/callback',
    'plain http': 'http://app.tokenkeep.test/callback',
  };
  for (const [name, target] of Object.entries(alike)) {
    test(`${name} is not captured`, async () => {
      const { sandbox, tokenkeep, browser } = on;
      await tokenkeep.page.evaluate(() => {
        globalThis.stopped = [];
        const pages = { urls: ['<all_urls>'], types: ['main_frame'] };
        chrome.webRequest.onErrorOccurred.addListener(({ url }) => globalThis.stopped.push(url), pages);
      });
      const flow = await answered({ target });
      // The answer left the provider; a page that is loaded after it in the same browser shows that it was dealt with.
      await until('the answer was sent', async () =>
        (await sandbox.log()).some(({ path, method, status }) => path.startsWith('/oauth/v2/') && method === 'POST' && status === 302),
      );
      await until('the navigation is over', async () => {
        // Where the flow's `state` goes astray, it is stopped: Firefox then stays where it was.
        if (await tokenkeep.page.evaluate(() => globalThis.stopped.length > 0)) return true;
        const page = (await browser.pages()).find((entry) => entry.page === flow.page);
        return page && !page.url.startsWith('https://www.linkedin.com/oauth');
      });
      const probe = await browser.newPage();
      await probe.goto('https://www.tokenkeep.test/probe');
      const engine = await tokenkeep.engine();
      assert.ok(engine.flows[flow.id], 'the flow still waits');
      assert.equal((await sandbox.counters()).token_posts, 0, 'no exchange');
      await tokenkeep.expand(profile);
      await tokenkeep.click(`${tokenkeep.card(profile)} .flow-cancel`);
      assert.equal(await flow.outcome(), 'cancelled');
    });
  }
});

describe('messages', () => {
  /** Every command a page could want to send. */
  const commands = () => [
    { Authorize: { profile } },
    { authorize: { profile } },
    { type: 'authorize', profile },
    { command: 'authorize', profile },
    'token',
  ];

  test('from a web page reach nobody', async () => {
    const { browser, sandbox, tokenkeep } = on;
    const before = await tokenkeep.engine();
    const page = await browser.newPage();
    await page.goto(await sandbox.page('/hostile', '<title>hostile</title>'));
    const answers = await page.evaluate(
      async (id, list) => {
        const runtime = globalThis.chrome?.runtime ?? globalThis.browser?.runtime;
        if (!runtime?.sendMessage) return 'no channel';
        return Promise.all(
          list.map(
            (message) =>
              new Promise((resolve) => {
                runtime.sendMessage(id, message, (answer) => resolve(answer === undefined ? 'nobody' : answer));
              }),
          ),
        );
      },
      browser.id,
      commands(),
    );
    if (answers !== 'no channel') assert.ok(answers.every((answer) => answer === 'nobody'), JSON.stringify(answers));
    assert.deepEqual(await tokenkeep.engine(), before);
    assert.equal((await sandbox.counters()).authorization_requests, 0);
  });

  test('from another extension reach nobody', async () => {
    const { browser, sandbox, tokenkeep } = on;
    const before = await tokenkeep.engine();
    const intruder = await browser.openIntruder();
    const answers = await intruder.evaluate(
      async (id, list) => {
        const one = (message) => chrome.runtime.sendMessage(id, message).then((answer) => answer ?? 'nobody', () => 'nobody');
        const port = await new Promise((resolve) => {
          try {
            const connection = chrome.runtime.connect(id, {});
            connection.onMessage.addListener(resolve);
            connection.onDisconnect.addListener(() => resolve('nobody'));
            for (const message of list) connection.postMessage(message);
          } catch {
            resolve('nobody');
          }
        });
        return [...(await Promise.all(list.map(one))), port];
      },
      browser.id,
      commands(),
    );
    assert.ok(answers.every((answer) => answer === 'nobody'), JSON.stringify(answers));
    assert.deepEqual(await tokenkeep.engine(), before);
    assert.equal((await sandbox.counters()).authorization_requests, 0);
  });
});

describe('messages of our own', () => {
  test('from our own addresses that are no page are refused', async () => {
    const { browser, sandbox, tokenkeep } = on;
    const before = await tokenkeep.engine();
    for (const address of ['icons/icon.svg', 'manifest.json']) {
      const page = await browser.openExtensionPage(address);
      const answers = await page.evaluate(
        (id) =>
          Promise.all(
            [{ Authorize: { profile: id } }, { DeleteProfile: { profile: id } }].map((message) =>
              globalThis.chrome?.runtime?.sendMessage ? chrome.runtime.sendMessage(message) : { Failed: { message: 'refused: no channel' } },
            ),
          ),
        profile,
      );
      for (const answer of answers) assert.match(answer.Failed.message, /^refused/, address);
      await page.close();
    }
    assert.deepEqual(await tokenkeep.engine(), before);
    assert.equal((await sandbox.counters()).authorization_requests, 0);
  });

  test('from the manager are taken', async () => {
    const page = await on.browser.openExtensionPage('manager.html?x=1#profiles');
    const answer = await page.evaluate((id) => chrome.runtime.sendMessage({ Dismiss: { profile: id } }), profile);
    assert.equal(answer, 'Done');
  });
});

describe('extension pages', () => {
  test('can neither be framed nor fetched nor opened by a web page', async () => {
    const { browser, sandbox, tokenkeep } = on;
    const before = await tokenkeep.engine();
    const address = `${browser.origin}/popup.html`;
    const page = await browser.newPage();
    await page.goto(
      await sandbox.page('/framing', `<title>framing</title><button id="open">open</button><iframe src="${address}"></iframe>`),
    );
    const result = await page.evaluate(async (url) => {
      const fetched = await fetch(url).then((answer) => answer.text(), () => 'refused');
      const image = await new Promise((resolve) => {
        const picture = new Image();
        picture.onload = () => resolve('loaded');
        picture.onerror = () => resolve('refused');
        picture.src = new URL('icons/icon-16.png', url).href;
      });
      document.querySelector('#open').addEventListener('click', () => {
        window.open(`${url}?authorize=1#authorize`);
      });
      return { fetched, image };
    }, address);
    assert.deepEqual(result, { fetched: 'refused', image: 'refused' });
    const frames = await Promise.all(
      page.frames().slice(1).map((frame) => frame.evaluate(() => document.querySelector('#view-home') !== null).catch(() => false)),
    );
    assert.ok(frames.every((shown) => !shown), 'the frame is empty');

    await page.bringToFront();
    await page.click('#open');
    const probe = await browser.newPage();
    await probe.goto('https://www.tokenkeep.test/probe');
    const others = (await browser.pages()).filter((entry) => entry.url.startsWith(address) && entry.page !== tokenkeep.page);
    assert.deepEqual(others.map(({ url }) => url), [], 'no extension page was opened');
    assert.deepEqual(await tokenkeep.engine(), before);
  });

  test('act on nothing that stands in their address', async () => {
    const { browser, sandbox, tokenkeep } = on;
    const before = await tokenkeep.engine();
    for (const address of [
      `popup.html?profile=${profile}&authorize=1`,
      `popup.html?url=https://www.tokenkeep.test/`,
      `popup.html#${profile}`,
      'popup.html#<img src=x onerror=alert(1)>',
    ]) {
      const page = await browser.openExtensionPage(encodeURI(address));
      await until('the page is ready', () => page.evaluate(() => !document.querySelector('#view-home').hidden));
      assert.ok((await page.evaluate(() => location.href)).startsWith(`${browser.origin}/popup.html`));
      await page.close();
    }
    assert.deepEqual(await tokenkeep.engine(), before);
    assert.equal((await sandbox.counters()).authorization_requests, 0);
  });
});
