// The table of tests/vectors/hostile/answers.json: its answers as what the sandbox writes, and what is known of each case.

import { readFileSync } from 'node:fs';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

/** The table; each group has its cases in order. */
export const table = JSON.parse(readFileSync(new URL('../../vectors/hostile/answers.json', import.meta.url), 'utf8'));

/** Stands in every secret, as it is in every form of it. */
export const MARK = 'Hidd3n';

/** What only this client and the server know. Characters that every way of writing writes in another way. */
export function secretsOf(group, number) {
  const value = (kind) => `${MARK}${kind}&"${group}${number}"/+<>==`;
  return { client_secret: value('c'), refresh_token: value('r'), access_token: value('a') };
}

const html = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`.replace('&#38;', '&amp;').replace('&#34;', '&quot;'));
const json = (text) => JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/');

/** The ways in which a server may say a secret back. */
const WRITTEN = {
  plain: (text) => text,
  form: (text) => new URLSearchParams({ x: text }).toString().slice(2),
  percent: (text) => encodeURIComponent(text),
  html,
  json,
  'json-json': (text) => json(json(text)),
};

/** The bytes of a part of a body; one that the sandbox fills in stays a text. */
function bytesOf(part, secrets) {
  if (typeof part === 'string') return Buffer.from(part);
  if (part.hex) return Buffer.from(part.hex, 'hex');
  if (part.repeat) return Buffer.from(part.repeat.repeat(part.times));
  if (part.numbers) return Buffer.from(Array.from({ length: part.times }, (_, n) => part.numbers.replace('%', n)).join(''));
  if (part.secret) return Buffer.from(WRITTEN[part.as](secrets[part.secret]));
  throw new Error(`no part of a body: ${JSON.stringify(part)}`);
}

/** How a body is encoded, and what the head says of it. */
const ENCODED = {
  gzip: [(body) => gzipSync(body), 'gzip'],
  'gzip-quiet': [(body) => gzipSync(body)],
  br: [(body) => brotliCompressSync(body), 'br'],
  deflate: [(body) => deflateSync(body), 'deflate'],
  'utf-16le-bom': [(body) => Buffer.from(`\ufeff${body.toString()}`, 'utf16le')],
  'utf-16be': [(body) => Buffer.from(body.toString(), 'utf16le').swap16()],
};

const CRLF = '\r\n';
const PIECE = 192 * 1024;

/** As steps that fit into requests of the control interface: runs of one byte are told as such. */
function sent(body) {
  const steps = [];
  for (let start = 0; start < body.length; ) {
    let end = start + 1;
    while (end < body.length && body[end] === body[start]) end += 1;
    if (end - start > 1024) {
      steps.push({ repeat: { text: String.fromCharCode(body[start]), times: end - start } });
      start = end;
      continue;
    }
    // Up to the next long run, or a piece.
    let stop = end;
    for (let run = 1; stop < body.length && stop - start < PIECE; stop += 1) {
      run = body[stop] === body[stop - 1] ? run + 1 : 1;
      if (run > 1024) {
        stop -= run - 1;
        break;
      }
    }
    stop = Math.max(stop, end);
    steps.push({ base64: body.subarray(start, stop).toString('base64') });
    start = stop;
  }
  return steps;
}

/** What the sandbox does for an answer of the table. */
export function stepsOf(answer, secrets) {
  if (answer.raw) return answer.raw;
  const filled = (text) => text.replace(/\{\{(client_secret|access_token)\}\}/g, (_, name) => secrets[name]);
  const parts = [answer.body].flat();
  const template = parts.some((part) => typeof part === 'string' && part.includes('{{'));
  let body = Buffer.concat(parts.map((part) => bytesOf(part, secrets)));
  const called = [];
  for (const name of answer.encode ?? []) {
    const [encode, said] = ENCODED[name];
    body = encode(body);
    if (said) called.push(said);
  }
  const head = answer.head ?? [`HTTP/1.1 ${answer.status ?? '200 OK'}`, ...(answer.headers ?? ['Content-Type: application/json'])];
  const lines = head.map((line) => filled(line).replace('{length}', String(body.length)));
  if (called.length > 0) lines.push(`Content-Encoding: ${called.join(', ')}`);
  const framing = answer.framing ?? (answer.head ? 'as it says' : 'length');
  if (framing === 'length') lines.push(`Content-Length: ${answer.length ?? body.length}`);
  if (framing === 'chunked') {
    lines.push('Transfer-Encoding: chunked');
    const size = answer.chunk ?? body.length;
    const chunks = [];
    for (let at = 0; at < body.length; at += size) {
      const chunk = body.subarray(at, at + size);
      chunks.push(Buffer.from(chunk.length.toString(16) + CRLF), chunk, Buffer.from(CRLF));
    }
    body = Buffer.concat([...chunks, Buffer.from(`0${CRLF}${CRLF}`)]);
  }
  // A connection that is used again would let a browser repeat the request by itself.
  if (!lines.some((line) => line.startsWith('Connection:'))) lines.push('Connection: close');
  const steps = [{ send: [...lines, '', ''].join(CRLF) }];
  if (answer.stop !== undefined) body = body.subarray(0, answer.stop);
  if (template) steps.push({ send: body.toString() });
  else if (answer.pace) {
    for (let at = 0; at < body.length; at += answer.pace.bytes) {
      steps.push({ base64: body.subarray(at, at + answer.pace.bytes).toString('base64') }, { pause: answer.pace.ms });
    }
  } else steps.push(...sent(body));
  if (answer.end) steps.push(answer.end);
  return steps;
}

/** What has to come of a case in this browser. */
export function expected({ expect }, browser) {
  return { ...expect, ...expect[browser] };
}

/** A text of the table, which may be told as a run. */
export function textOf(value) {
  return typeof value === 'object' && value !== null ? value.repeat.repeat(value.times) : value;
}
