// Records as they stand in storage.local: the texts that src/vault/stored.rs describes, written anew here, so that a change of
// the form is seen.

import { crc32 } from 'node:zlib';

const checksum = (key, rest) => crc32(`${key}\0${rest}`).toString(16).padStart(8, '0');

/** The text of a record that is not sealed. */
export function storedText(key, record, generation = 1) {
  const rest = `2;${generation};p;${JSON.stringify(record)}`;
  return `${checksum(key, rest)};${rest}`;
}

/** What stands in a text: `{ generation, sealed, record }`; none where it is damaged. */
export function parseStored(key, text) {
  const [, sum, rest, generation, kind, body] = /^([0-9a-f]{8});(2;(\d+);([ps]);(.*))$/s.exec(text) ?? [];
  if (sum === undefined || sum !== checksum(key, rest)) return undefined;
  return { generation: Number(generation), sealed: kind === 's', record: kind === 's' ? undefined : JSON.parse(body) };
}

/** The records in what `storage.local.get` gave, without those before the last; one that is sealed or damaged stays as it is. */
export function records(items) {
  const last = Object.entries(items).filter(([key]) => !key.startsWith('~'));
  return Object.fromEntries(
    last.map(([key, value]) => [key, parseStored(key, value)?.record ?? value]),
  );
}

/** What `storage.local.set` takes for these records, each counted on from what stood there. */
export function items(newRecords, before = {}) {
  const item = ([key, record]) => {
    if (key === 'schema') return [key, record];
    const generation = parseStored(key, before[key])?.generation ?? 0;
    return [key, storedText(key, record, generation + 1)];
  };
  return Object.fromEntries(Object.entries(newRecords).map(item));
}
