import type { ErrorCode } from '@pik/schema';

import { type Member, membersOf } from './json-text.ts';

/** The reason why a record is not sent. */
export interface RecordFault {
  readonly code: ErrorCode;
  readonly detail: string;
}

/** The bytes to send for a record, or the reason why it is not sent. */
export type Prepared = { readonly bytes: Uint8Array } | RecordFault;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text of a record; null if it is not UTF-8. */
export function recordText(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Uses the value of a field as the record's idempotency key: the characters of the file, so numbers lose no digits. All
 * other bytes stay as they are. A record that the backend rejects whatever its key is passes unchanged.
 */
export function withKey(bytes: Uint8Array, field: string): Prepared {
  const text = recordText(bytes);
  const members = text === null ? null : membersOf(text);
  if (text === null || members === null || isRepeated(members)) return { bytes };
  const value = members.find(({ name }) => name === field);
  if (value === undefined) return { code: 'FIELD_MISSING', detail: `it has no field ${field} to use as the key` };
  const own = members.find(({ name }) => name === ownKeyName(members));
  if (own === value) return { bytes };
  if (own !== undefined)
    return {
      code: 'FIELD_INVALID',
      detail: `it already has another key, ${cut(own.text)}, besides the field ${field}`,
    };
  const key = keyText(value.text);
  if (key === null)
    return { code: 'FIELD_INVALID', detail: `its field ${field} is ${kindOf(value.text)}, which is not a key` };
  return { bytes: Buffer.from(`{"idempotency_key":${key},${text.slice(text.indexOf('{') + 1)}`) };
}

/** The name of the member that holds the key: CloudEvents use `id`. */
function ownKeyName(members: readonly Member[]): string {
  const has = (name: string) => members.some((member) => member.name === name);
  return has('specversion') && !has('event_type') ? 'id' : 'idempotency_key';
}

function isRepeated(members: readonly Member[]): boolean {
  return new Set(members.map(({ name }) => name)).size < members.length;
}

/** A JSON string of the same characters; null if the value cannot be a key. */
function keyText(value: string): string | null {
  if (value.startsWith('"')) return value === '""' ? null : value;
  return /^[-\d]/.test(value) ? `"${value}"` : null;
}

const SHOWN_CHARS = 60;

function cut(text: string): string {
  return text.length > SHOWN_CHARS ? `${text.slice(0, SHOWN_CHARS).toWellFormed()}…` : text;
}

function kindOf(value: string): string {
  if (value === '""') return 'an empty string';
  if (value.startsWith('{')) return 'an object';
  if (value.startsWith('[')) return 'a list';
  return value;
}
