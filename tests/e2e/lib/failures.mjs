// A reporter of the test runner that names what failed, and nothing else: one line for each test.

import { relative } from 'node:path';

export default async function* failures(events) {
  for await (const { type, data } of events) {
    if (type !== 'test:fail' || data.details.error.failureType === 'subtestsFailed') continue;
    const { message } = data.details.error.cause ?? data.details.error;
    const said = String(message ?? data.details.error.cause).replaceAll(/\s+/g, ' ').slice(0, 300);
    yield `  ${relative(process.cwd(), data.file ?? '')}: ${data.name}: ${said}\n`;
  }
}
