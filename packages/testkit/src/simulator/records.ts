import type { World } from './world.ts';

/** A record that a sender sends, with its expected identity and content, derived without the code under test. */
export interface SentRecord {
  readonly text: string;
  /** Equal for two records of one event; null for a record that must be rejected. */
  readonly identity: string | null;
  /** Equal for two records of the same content. */
  readonly content: string;
  readonly entity: string;
}

/** The kinds of records that a history may have. */
export interface RecordFeatures {
  readonly hasKeys: boolean;
  readonly hasRejects: boolean;
  readonly hasDays: boolean;
}

/** The entities of all records. */
export const ENTITIES = ['a', 'b', 'c'] as const;
const MINUTES = ['2026-01-01T09:00:00Z', '2026-01-01T09:01:00Z', '2025-12-31T23:59:00Z'] as const;

/** Draws a record. Few values, so that repeats and conflicts are frequent. */
export function drawRecord({ tape }: World, features: RecordFeatures): SentRecord {
  const entity = tape.pick('entity', ENTITIES);
  const value = tape.choose('value', 3);
  const time = MINUTES[features.hasDays ? tape.choose('minute', 3) : 0] ?? MINUTES[0];
  const key = features.hasKeys ? tape.choose('key', 3) : 0;
  const isBroken = features.hasRejects && tape.chance('broken', 6);
  const fields = { source: 's', event_type: 't', entity_id: entity, event_time: time, payload: { value } };
  const text = JSON.stringify({
    ...fields,
    ...(key === 0 ? {} : { idempotency_key: `k${key}` }),
    ...(isBroken ? { event_time: 'never' } : {}),
  });
  if (isBroken) return { text, identity: null, content: '', entity };
  const identity = key === 0 ? `content ${entity} ${time} ${value}` : `key ${entity} ${key}`;
  return { text, identity, content: `${value}`, entity };
}
