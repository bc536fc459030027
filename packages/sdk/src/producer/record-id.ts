import { deriveIdentity, type IdentityFields, parseTime, payloadHash, utf8Text } from '@pik/schema/events';

type Fields = Omit<IdentityFields, 'event_time' | 'payload_hash'> & {
  readonly event_time: string;
  readonly payload: object;
};

/** The id that the backend derives from a record's bytes; null if it cannot be derived. */
export function recordId(record: Uint8Array): string | null {
  try {
    const { event_time, payload, ...fields } = JSON.parse(utf8Text(record)) as Fields;
    const instant = parseTime(event_time);
    if (instant === null) return null;
    return deriveIdentity({ ...fields, event_time: instant, payload_hash: payloadHash(payload) }).event_id;
  } catch {
    return null;
  }
}
