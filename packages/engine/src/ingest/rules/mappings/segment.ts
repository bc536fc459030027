import { countMembers, formatEpochMs, LIMITS, type SegmentRules } from '@pik/schema';

import { membersOf, splitJsonArray, withoutMembers } from '../json-scan.ts';
import { parseJson, readObject } from '../read-object.ts';
import { Fault, type JsonObject } from '../record-fields.ts';
import { rawRecord } from '../record-split.ts';
import { fitId } from './fit-id.ts';
import type { Around, MappedPart, Mapping } from './mapping.ts';

/** Members of a record that are facts about its sending, or fields of the event: a repeat may have others. */
const NOT_PAYLOAD: ReadonlySet<string> = new Set([
  'messageId',
  'timestamp',
  'originalTimestamp',
  'sentAt',
  'receivedAt',
  'writeKey',
]);

/** Members of a batch that its records need; another one, `writeKey`, is a credential and is not kept. */
const OF_BATCH: ReadonlySet<string> = new Set(['sentAt', 'context', 'integrations']);

/** Events of Segment's HTTP API, which RudderStack has too: a call, or a batch of calls. */
export const segment1: Mapping<SegmentRules> = {
  name: 'segment',
  version: 1,
  defaults: { source: null },
  split: splitCalls,
  map(record, { settings, around, receivedMs }) {
    const read = readObject(record);
    if (read instanceof Fault) return read;
    const { text, value, scan } = read;
    if (around?.call === 'batch') return new Fault('FIELD_MISSING', '/batch', 'batch must be a list of calls');
    if (countMembers(value) !== scan.members)
      return new Fault('JSON_DUPLICATE_KEY', null, 'an object of the record has the same key twice');
    const type = value.type ?? around?.call;
    const [name, typeName] = type === 'track' ? [value.event, 'event'] : [type, 'type'];
    const [owner, ownerName] = ownerOf(value);
    const [time, timeName] = timeOf(value);
    return {
      fields: {
        source: fitId(settings.source ?? around?.key_name ?? 'segment', LIMITS.source_bytes_max),
        event_type: fitId(name, LIMITS.event_type_bytes_max),
        entity_id: fitId(owner, LIMITS.entity_id_bytes_max),
        event_time: time ?? formatEpochMs(receivedMs),
        idempotency_key: fitId(value.messageId ?? undefined, LIMITS.idempotency_key_bytes_max),
        sent_at: value.sentAt ?? around?.sentAt,
      },
      payload: payloadOf(text, around ?? {}),
      names: {
        ...{ event_type: typeName, entity_id: ownerName, event_time: timeName },
        ...{ idempotency_key: 'messageId', sent_at: 'sentAt', payload: '' },
      },
    };
  },
};

function splitCalls(body: Uint8Array, around: Around | null): readonly MappedPart[] | null | undefined {
  if (around?.call !== 'batch') return undefined;
  const whole = rawRecord(body);
  if (!('text' in whole) || !/^[ \t\r\n]*\{/.test(whole.text)) return null;
  const members = isJson(whole.text) ? membersOf(whole.text) : [];
  const [batch, ...others] = members.filter(({ name }) => name === 'batch');
  if (batch === undefined || others.length > 0 || !batch.value.startsWith('[')) return null;
  const spans = splitJsonArray(batch.value) ?? [];
  const shared: Record<string, string> = { ...around };
  delete shared.call;
  for (const { name, value } of members)
    if (OF_BATCH.has(name) && value !== 'null') shared[name] = name === 'sentAt' ? textOf(value) : value;
  return spans.map(([start, end]) => ({ record: { text: batch.value.slice(start, end) }, around: shared }));
}

function isJson(text: string): boolean {
  return !(parseJson(text) instanceof Fault);
}

/** The value of a JSON text; any other value stays as it is written, and is a fault later. */
function textOf(json: string): string {
  const value: unknown = JSON.parse(json);
  return typeof value === 'string' ? value : json;
}

function ownerOf({ userId, anonymousId, previousId }: JsonObject): [id: unknown, name: string] {
  for (const [id, name] of [
    [userId, 'userId'],
    [anonymousId, 'anonymousId'],
    [previousId, 'previousId'],
  ] as const) {
    // Some callers send their numeric ids as numbers.
    if (Number.isSafeInteger(id)) return [String(id), name];
    if (id !== undefined && id !== null && id !== '') return [id, name];
  }
  return [undefined, 'userId'];
}

function timeOf({ originalTimestamp, timestamp }: JsonObject): [time: unknown, name: string] {
  return (originalTimestamp ?? null) === null
    ? [timestamp ?? undefined, 'timestamp']
    : [originalTimestamp, 'originalTimestamp'];
}

/** The call without the facts about its sending; what it lacks of `context` and `integrations`, its batch has. */
function payloadOf(text: string, around: Around): string {
  const members = membersOf(text);
  for (const name of ['context', 'integrations']) {
    const value = around[name];
    if (value !== undefined && !members.some((member) => member.name === name))
      members.push({ name, key: `"${name}"`, value });
  }
  return withoutMembers(members, NOT_PAYLOAD);
}
