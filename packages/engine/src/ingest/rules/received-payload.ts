import { type Envelope, KitError, parseTime } from '@pik/schema';

import { mappedText } from './map-record.ts';
import { payloadOf } from './record-fields.ts';
import type { RawRecord } from './record-split.ts';

/** The fields of an envelope that hold a record and say how it was read. */
export type ReceivedRecord = Pick<Envelope, 'body' | 'body_base64' | 'received_at' | 'imported' | 'mapping'>;

/** The record of an envelope as it was received. */
export function receivedRecord({ body, body_base64 = '' }: ReceivedRecord): RawRecord {
  return body === undefined ? { bytes: new Uint8Array(Buffer.from(body_base64, 'base64')) } : { text: body };
}

/**
 * An accepted record in the kit's own form if a mapping read it from another wire; undefined if it came in that form.
 *
 * @throws KitError `RAW_CORRUPT`.
 */
export function ownFormOf(envelope: ReceivedRecord): string | undefined {
  const { mapping, imported, received_at } = envelope;
  if (mapping === undefined) return undefined;
  const received = parseTime(received_at);
  if (received === null) throw new KitError('RAW_CORRUPT', 'a receipt has no receive time');
  return mappedText(receivedRecord(envelope), mapping, { receivedMs: received.epoch_ms, imported });
}

/**
 * The payload of an accepted record.
 *
 * @throws KitError `RAW_CORRUPT`, SyntaxError for bytes that are not JSON.
 */
export function receivedPayload(envelope: ReceivedRecord): unknown {
  return payloadOf(JSON.parse(ownFormOf(envelope) ?? envelope.body ?? ''));
}
