// The test of a token, on its card.

import { Holder } from './holder.mjs';
import { until } from './until.mjs';

/** Its card as far as the token's test and its revocation go. */
export class Check extends Holder {
  record() {
    return this.tokenkeep.record(`check:${this.id}`);
  }

  /** What the card says of the test. */
  shown() {
    return this.tokenkeep.page.$eval(this.card, (card) => {
      const check = card.querySelector('.token-check');
      const text = (css) => check.querySelector(css)?.textContent.trim() ?? '';
      const finding = check.querySelector('.finding');
      const wrong = finding !== null && !finding.hidden;
      return {
        state: check.dataset.state,
        result: text('.check-result'),
        at: text('.check-at'),
        what: wrong ? text('.finding-what') : undefined,
        why: wrong ? text('.finding-why') : undefined,
        fix: wrong ? text('.finding-fix') : undefined,
        evidence: wrong ? text('.finding-evidence-text') : undefined,
        button: wrong && !finding.querySelector('.finding-action').hidden ? text('.finding-action') : undefined,
      };
    });
  }

  /** Presses Test token and waits for the answer; `states` are the ones that may come out. */
  async test(...states) {
    await this.tokenkeep.click(`${this.card} .token-test`);
    return this.result(...states);
  }

  /** Waits for the button to be back and for one of these states. */
  async result(...states) {
    return until(`the test ends as ${states.join(' or ')}`, async () => {
      const said = await this.shown();
      const idle = await this.tokenkeep.page.$eval(`${this.card} .token-test`, (button) => !button.disabled);
      return idle && states.includes(said.state) && said;
    }).catch(async (error) => {
      throw new Error(`${error.message}; ${JSON.stringify([await this.shown(), await this.record()])}`);
    });
  }

  openRevoke() {
    return this.tokenkeep.unfold(`${this.card} .revoke`);
  }

  /** Presses Try to revoke and waits for what is said of it. */
  async revoke() {
    await this.openRevoke();
    await this.tokenkeep.click(`${this.card} .token-revoke`);
    return until('the revocation ends', () =>
      this.tokenkeep.page.$eval(this.card, (card) => {
        const [root, finding] = [card.querySelector('.revocation'), card.querySelector('.revocation .finding')];
        if (root.hidden || card.querySelector('.token-revoke').disabled) return undefined;
        return {
          result: root.querySelector('.revocation-result').textContent.trim(),
          what: finding.hidden ? undefined : finding.querySelector('.finding-what').textContent.trim(),
          evidence: finding.hidden ? undefined : finding.querySelector('.finding-evidence-text').textContent.trim(),
        };
      }),
    );
  }

  /** Requests that asked about a token, as `METHOD path`. */
  async asked() {
    const log = await this.tokenkeep.sandbox.log();
    return log
      .filter(({ host, path }) => host === 'api.linkedin.com' || /introspectToken|revoke$/.test(path))
      .map(({ method, path }) => `${method} ${path}`);
  }
}
