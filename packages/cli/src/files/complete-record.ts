import { randomUUID } from 'node:crypto';

import { membersOf } from './json-text.ts';
import { recordText } from './key-field.ts';

/**
 * Adds the current time to records without a time, as a service that emits them would; without a key, each becomes an
 * event of its own. Records with a time, and records that cannot be parsed, stay as they are.
 */
export function createCompletion(now: () => Date = () => new Date()): (bytes: Uint8Array) => Uint8Array {
  const producerId = randomUUID();
  let seq = 0;
  return (bytes) => {
    const text = recordText(bytes);
    const names = text === null ? null : (membersOf(text)?.map(({ name }) => name) ?? null);
    if (text === null || names === null || names.length === 0) return bytes;
    // CloudEvents name the time differently; the server reports what is missing.
    if (names.includes('event_time') || names.includes('specversion')) return bytes;
    const isOwn = !names.includes('idempotency_key') && !names.includes('identity');
    const isStamped = isOwn && !names.includes('producer');
    if (isStamped) seq += 1;
    const added = {
      event_time: now().toISOString(),
      ...(isOwn ? { identity: 'occurrence' } : {}),
      ...(isStamped ? { producer: { id: producerId, seq } } : {}),
    };
    return Buffer.from(`${JSON.stringify(added).slice(0, -1)},${text.slice(text.indexOf('{') + 1)}`);
  };
}
