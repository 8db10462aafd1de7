// The LinkedIn stand-in, as a process, and its control interface.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { sandboxPath } from './environment.mjs';

/** A running sandbox. */
export class Sandbox {
  /** Starts one on free ports. It ends with this process, however that ends. */
  static async start() {
    const program = sandboxPath();
    const child = spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const line = await Promise.race([
      once(lines, 'line').then(([text]) => text),
      once(child, 'error').then(([error]) => Promise.reject(new Error(`${program}: ${error.message}`))),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`${program} ended with ${code} before it was ready`))),
    ]);
    return new Sandbox(child, JSON.parse(line));
  }

  constructor(child, ready) {
    this.child = child;
    /** The ready line: proxy, control, spki, ca_pem, redirect_hosts, app, native_app, refresh_app, community_app, member. */
    this.ready = ready;
  }

  async #call(method, path, body) {
    const answer = await fetch(this.ready.control + path, {
      method,
      headers: body === undefined ? {} : { 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`sandbox: ${method} ${path} answered ${answer.status} ${text}`);
    return text === '' ? null : JSON.parse(text);
  }

  /** Data, faults, pages and log back to the start. */
  reset() {
    return this.#call('POST', '/reset', {});
  }

  /** Apps, members, grants, codes and counters. */
  state() {
    return this.#call('GET', '/state');
  }

  /** The counters alone. */
  async counters() {
    return (await this.state()).counters;
  }

  /** Every request since the last reset. */
  log() {
    return this.#call('GET', '/log');
  }

  /** Requests to the token endpoint. */
  async tokenRequests() {
    return (await this.log()).filter((entry) => entry.path === '/oauth/v2/accessToken');
  }

  /** Requests for the authorization endpoint, the answers to its forms left out. */
  async authorizationRequests() {
    return (await this.log()).filter((entry) => entry.path === '/oauth/v2/authorization' && entry.method === 'GET');
  }

  /** Every browser counts as logged in as this member; null: by cookie. */
  session(member) {
    return this.#call('POST', '/session', { member });
  }

  /** Whoever logged in is logged out. */
  signOut() {
    return this.#call('POST', '/session', { member: null, sign_out: true });
  }

  /** This member consented already. */
  grant(clientId, member, scopes) {
    return this.#call('POST', '/grants', { client_id: clientId, member, scopes });
  }

  /** Adds an app, or changes what is named of one. */
  app(changes) {
    return this.#call('POST', '/apps', changes);
  }

  /** The member removes the app: every token of the two dies. */
  revoke(clientId, member) {
    return this.#call('POST', '/revoke', { client_id: clientId, member });
  }

  /** How the authorization answer reaches the redirect URI. */
  redirect(kind, { once: oneTime = false, ...mutate } = {}) {
    return this.#call('POST', '/redirect', { kind, once: oneTime, mutate });
  }

  /** The next `times` answers of an endpoint go wrong. */
  fault(endpoint, fault, times = 1) {
    return this.#call('POST', '/faults', { endpoint, times, fault });
  }

  /** What a client or a token is answered at an endpoint, byte by byte (see lib/hostile.mjs). */
  hostile(answers) {
    return this.#call('POST', '/hostile', answers);
  }

  /** Switches, such as `navigations_only`; those left out are off. */
  quirks(switches) {
    return this.#call('POST', '/quirks', switches);
  }

  /** Serves a page at https://www.tokenkeep.test; returns its URL. */
  async page(path, body, host = 'www.tokenkeep.test') {
    await this.#call('POST', '/pages', { host, path, body });
    return `https://${host}${path}`;
  }

  /** Ends it and waits until it has ended. */
  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.stdin.end();
    await ended;
  }
}
