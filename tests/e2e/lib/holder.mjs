// A profile that holds a token: what is stored of it, and its renewal.

import { until } from './until.mjs';

export const DAY_MS = 86_400_000;

/** The profile and its card. */
export class Holder {
  constructor(tokenkeep, id) {
    this.tokenkeep = tokenkeep;
    this.id = id;
    this.card = tokenkeep.card(id);
  }

  /** An authorized profile, its card open; `more` is said of the profile. */
  static async of(tokenkeep, more = {}) {
    const id = await tokenkeep.addSandboxProfile('live_https', more);
    await (await tokenkeep.authorize(id)).complete();
    return this.at(tokenkeep, id);
  }

  /** The same of a profile that gets its token anyhow. */
  static async at(tokenkeep, id) {
    await tokenkeep.inState(id, 'token');
    await tokenkeep.expand(id);
    const holder = new this(tokenkeep, id);
    holder.first = await holder.stored();
    return holder;
  }

  /** The record of the token. */
  stored() {
    return this.tokenkeep.record(`token:${this.id}`);
  }

  /** Changes the stored token, as if time had gone by or another one had come. */
  change(members) {
    return this.tokenkeep.change(`token:${this.id}`, members);
  }

  /** So many of the token's sixty days are left. */
  daysLeft(days) {
    const expires_ms = Date.now() + days * DAY_MS;
    return this.change({ obtained_ms: expires_ms - 60 * DAY_MS, expires_ms });
  }

  /** The profile no longer renews by itself, so that nothing comes before the person. */
  renewByClick() {
    return this.tokenkeep.change(`profile:${this.id}`, { renew_automatically: false });
  }

  /** Switches a box of the profile's form. */
  async toggle(box) {
    await this.tokenkeep.edit(this.id);
    await this.tokenkeep.unfold('#advanced');
    await this.tokenkeep.click(box);
    await this.tokenkeep.save();
  }

  async pressRenew() {
    await this.tokenkeep.expand(this.id);
    await this.tokenkeep.click(`${this.card} .profile-renew`);
  }

  /** Waits for another token than the first; returns its record. */
  renewed() {
    return until('a new token is stored', async () => {
      const now = await this.stored();
      return now.token.access_token !== this.first.token.access_token && now;
    });
  }
}

/** Puts a token into storage, as a flow leaves one. */
export function giveToken(tokenkeep, id, members = {}) {
  const obtained_ms = Date.now();
  const token = {
    v: 1,
    access_token: 'AQX-a-token-that-nobody-knows-0123456789',
    token_type: 'Bearer',
    scope_requested: ['openid', 'profile', 'email'],
    scope_granted: ['email', 'openid', 'profile'],
    refresh_token: null,
    refresh_expires_ms: null,
    refresh_refused_ms: null,
    clock_skew_ms: null,
    id_token: null,
    obtained_ms,
    expires_ms: obtained_ms + 60 * DAY_MS - 1000,
    account: 'Ada Lovelace',
    ...members,
  };
  return tokenkeep.put({ [`token:${id}`]: { flow: 'f0', token } });
}
