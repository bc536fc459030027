import { gzipSync } from 'node:zlib';

import { LIMITS } from '@pik/schema';
import { expect, it } from 'vitest';

import { type Answered, type Ask, type Asking, event, text } from './ask.ts';

const NDJSON = 'application/x-ndjson';

/** A record of exactly this size. */
function sized(bytes: number): string {
  const empty = text(event({ payload: { fill: '' } }));
  return empty.replace('"fill":""', `"fill":"${'x'.repeat(bytes - empty.length)}"`);
}

/** One record followed by blank lines, of exactly this size together. */
function padded(bytes: number): string {
  const body = text(event());
  return body + '\n'.repeat(bytes - body.length);
}

function nested(depth: number): string {
  return text(event({ payload: 0 })).replace(
    '"payload":0',
    `"payload":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}`,
  );
}

/** A record with this number of object members: five of its own, the others in the payload. */
function wide(members: number): string {
  return text(event({ payload: Object.fromEntries(Array.from({ length: members - 5 }, (_, i) => [`k${i}`, 0])) }));
}

function streamed(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      if (left === 0) return controller.close();
      const size = Math.min(left, 65_536);
      left -= size;
      controller.enqueue(new Uint8Array(size).fill(0x0a));
    },
  });
}

const outcome = ({ status, json }: Answered) => json?.code ?? (status === 200 ? 'fine' : status);

/** Tests every limit at one below, at and one above it; above, nothing of the request is kept. */
export function limits(ask: Asking, { manyRecords }: { manyRecords: boolean }): void {
  const around = async (max: number, make: (size: number) => Ask, sizes = [max - 1, max, max + 1]) => {
    const outcomes: unknown[] = [];
    for (const size of sizes) {
      const answer = await ask('/ingest', make(size));
      outcomes.push(outcome(answer));
      if (answer.status === 413) expect([answer.json.raw_key, answer.json.retryable]).toEqual([undefined, false]);
    }
    return outcomes;
  };
  const upTo = (code: string) => ['fine', 'fine', code];

  it('G19: the size of an event is limited, alone and among others', async () => {
    const max = LIMITS.event_bytes_max;
    expect(await around(max, (size) => ({ body: sized(size) }))).toEqual(upTo('EVENT_TOO_LARGE'));
    const among = (size: number) => ({ type: NDJSON, body: `${text(event())}\n${sized(size)}` });
    expect(await around(max, among)).toEqual(upTo('EVENT_TOO_LARGE'));
  });

  it('G19: the size of a body on the wire is limited', async () => {
    const send = (size: number) => ({ type: NDJSON, body: padded(size) });
    expect(await around(LIMITS.body_bytes_max, send)).toEqual(upTo('BODY_TOO_LARGE'));
  });

  it('J14: a body without a declared length is counted while it is read', async () => {
    const send = (size: number) => ({ type: NDJSON, body: streamed(size) });
    expect(await around(LIMITS.body_bytes_max, send)).toEqual(upTo('BODY_TOO_LARGE'));
  });

  it('J15: the size of a decompressed body is limited, so a bomb costs no more than the limit', async () => {
    const max = LIMITS.body_decompressed_bytes_max;
    const send = (size: number) => ({ type: NDJSON, encoding: 'gzip', body: new Uint8Array(gzipSync(padded(size))) });
    expect(await around(max, send)).toEqual(upTo('BODY_TOO_LARGE'));
    expect(outcome(await ask('/ingest', send(max * 16)))).toBe('BODY_TOO_LARGE');
  });

  it('G19: the number of records in a request is limited', async () => {
    const max = LIMITS.events_per_request_max;
    const sizes = manyRecords ? [max - 1, max, max + 1] : [max + 1];
    const expected = manyRecords ? upTo('TOO_MANY_EVENTS') : ['TOO_MANY_EVENTS'];
    const send = (count: number) => ({ type: NDJSON, body: '{}\n'.repeat(count) });
    expect(await around(max, send, sizes)).toEqual(expected);
    const list = (count: number) => ({ body: `[${Array.from({ length: count }, () => '1').join()}]` });
    expect(await around(max, list, sizes)).toEqual(expected);
  });

  it('J1: the nesting depth of a record is limited', async () => {
    expect(await around(LIMITS.json_depth_max, (depth) => ({ body: nested(depth) }))).toEqual(upTo('JSON_TOO_DEEP'));
    expect(outcome(await ask('/ingest', { body: nested(100_000) }))).toBe('JSON_TOO_DEEP');
  });

  it('J17: the number of members of a record is limited', async () => {
    const send = (members: number) => ({ body: wide(members) });
    expect(await around(LIMITS.json_members_max, send)).toEqual(upTo('JSON_TOO_MANY_MEMBERS'));
  });

  it.each([
    ['source', LIMITS.source_bytes_max],
    ['event_type', LIMITS.event_type_bytes_max],
    ['entity_id', LIMITS.entity_id_bytes_max],
    ['idempotency_key', LIMITS.idempotency_key_bytes_max],
  ])('D03, D15: %s is bounded in bytes of UTF-8, not in characters', async (field, max) => {
    // Four-byte characters, then one-byte characters for the rest.
    const id = (bytes: number) => '\u{1f600}'.repeat(Math.floor(bytes / 4)) + 'a'.repeat(bytes % 4);
    const send = (bytes: number) => ({ body: text(event({ [field]: id(bytes) })) });
    expect(await around(max, send)).toEqual(upTo('FIELD_TOO_LONG'));
    expect(await around(max, (bytes) => ({ body: text(event({ [field]: 'a'.repeat(bytes) })) }))).toEqual(
      upTo('FIELD_TOO_LONG'),
    );
  });
}
