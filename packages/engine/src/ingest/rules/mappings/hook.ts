import {
  countMembers,
  formatEpochMs,
  type HookRules,
  LIMITS,
  parsePointer,
  type RejectCode,
  readPointer,
} from '@pik/schema';

import { readObject } from '../read-object.ts';
import { Fault, type JsonObject } from '../record-fields.ts';
import { fitId } from './fit-id.ts';
import type { Around, Mapping } from './mapping.ts';

/** A delivery of a webhook: its body is the payload, and declared patterns find the fields. */
export const hook1: Mapping<HookRules> = {
  name: 'hook',
  version: 1,
  // A receipt of a webhook always has the rules of its declaration; these make every record a fault.
  defaults: { version: 0, source: '', event_type: [], entity_id: [], key: [], event_time: [], time_unit: 'text' },
  map(record, { settings, around: given, receivedMs }) {
    const around = given ?? {};
    const refused = refusalIn(around);
    const read = readObject(record);
    if (read instanceof Fault) return refused ?? read;
    const { text, value, scan } = read;
    if (countMembers(value) !== scan.members)
      return refused ?? new Fault('JSON_DUPLICATE_KEY', null, 'an object of the record has the same key twice');
    const fill = (patterns: readonly string[]) => filled(patterns, value, around);
    const time = fill(settings.event_time);
    return {
      fields: {
        source: fitId(settings.source, LIMITS.source_bytes_max),
        event_type: fitId(fill(settings.event_type), LIMITS.event_type_bytes_max),
        entity_id: fitId(fill(settings.entity_id), LIMITS.entity_id_bytes_max),
        event_time: time === undefined ? formatEpochMs(receivedMs) : timeText(time, settings.time_unit),
        idempotency_key: fitId(fill(settings.key), LIMITS.idempotency_key_bytes_max),
      },
      payload: text,
      names: { payload: '' },
      refused,
    };
  },
};

/** The fault in the signature, as it was found when the delivery arrived: secrets change, and a rebuild has none. */
function refusalIn(around: Around): Fault | undefined {
  const code = around[':refused'];
  return code === undefined ? undefined : new Fault(code as RejectCode, null, around[':detail'] ?? code);
}

/** The first pattern all of whose references have a value; undefined if there is none. */
function filled(patterns: readonly string[], value: JsonObject, around: Around): string | undefined {
  for (const pattern of patterns) {
    let isComplete = true;
    const text = pattern.replaceAll(/\{([^{}]+)\}/g, (_, reference: string) => {
      const found = referenced(reference, value, around);
      if (found === undefined) isComplete = false;
      return found ?? '';
    });
    if (isComplete && text !== '') return text;
  }
  return undefined;
}

/** The value of `/pointer` in the body, or of `header name`. Numbers that a double may have changed have none. */
function referenced(reference: string, value: JsonObject, around: Around): string | undefined {
  const header = /^header ([\w-]+)$/.exec(reference)?.[1];
  if (header !== undefined) return around[header.toLowerCase()];
  const found = readPointer(value, parsePointer(reference) ?? ['']);
  if (typeof found === 'string') return found === '' ? undefined : found;
  return Number.isSafeInteger(found) || typeof found === 'boolean' ? String(found) : undefined;
}

/** A time as text: seconds and milliseconds since 1970 become RFC 3339; what is neither stays as it is, and is a fault later. */
function timeText(text: string, unit: HookRules['time_unit']): string {
  const ms = /^-?\d{1,15}$/.test(text) ? Number(text) * (unit === 's' ? 1_000 : 1) : Number.NaN;
  return unit === 'text' || !(Math.abs(ms) < 8.64e15) ? text : new Date(ms).toISOString();
}
