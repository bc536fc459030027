import { gunzipSync } from 'node:zlib';
import { KitError } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { createRecordSender } from '../src/producer/record-sender.ts';

interface Seen {
  readonly path: string;
  readonly type: string | null;
  readonly bytes: Uint8Array;
}

/** A backend that accepts every record, unless a body contains the refused text. */
function backend(refuse: (seen: Seen) => Response | null = () => null) {
  const seen: Seen[] = [];
  const fetch = async (request: Request) => {
    const body = Buffer.from(await request.arrayBuffer());
    const bytes = request.headers.get('content-encoding') === 'gzip' ? gunzipSync(body) : body;
    const one = { path: new URL(request.url).pathname, type: request.headers.get('content-type'), bytes };
    seen.push(one);
    const refusal = refuse(one);
    if (refusal !== null) return refusal;
    const isArray = one.type === 'application/json';
    const count = isArray
      ? (JSON.parse(bytes.toString()) as unknown[]).length
      : bytes.toString('latin1').split('\n').length;
    const results = Array.from({ length: count }, (_, line) => ({
      event_id: null,
      status: 'ACCEPTED',
      lag_ms: 0,
      raw_key: 'raw',
      line,
    }));
    return Response.json({ results, counts: { ACCEPTED: count } });
  };
  return { seen, fetch };
}

const problem = (status: number, code: string) =>
  new Response(JSON.stringify({ type: '', title: '', status, code, detail: code, request_id: 'r', retryable: false }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  });

describe('a record sender', () => {
  it('sends texts and bytes unchanged, even if they are not UTF-8', async () => {
    const { seen, fetch } = backend();
    const odd = Uint8Array.of(0x7b, 0xff, 0x00, 0x7d);
    const outcomes = await createRecordSender({ fetch, backfill: true }).send(['{"a":"\u2028é"}', odd, '{ }']);
    expect(outcomes.map((outcome) => (KitError.is(outcome) ? outcome.code : outcome.status))).toEqual(
      Array.from({ length: 3 }, () => 'ACCEPTED'),
    );
    const sent = Buffer.concat([Buffer.from('{"a":"\u2028é"}\n'), odd, Buffer.from('\n{ }')]);
    expect(seen).toEqual([{ path: '/import', type: 'application/x-ndjson', bytes: sent }]);
  });

  it('sends records that span lines as one array, unchanged', async () => {
    const { seen, fetch } = backend();
    const records = ['{"a":1}', Buffer.from('{\n "a": 2\n}'), '{"a":3}'];
    expect(await createRecordSender({ fetch }).send(records)).toHaveLength(3);
    expect(seen.map(({ type, bytes }) => [type, Buffer.from(bytes).toString()])).toEqual([
      ['application/json', '[{"a":1},{\n "a": 2\n},{"a":3}]'],
    ]);
  });

  it('sends the place of the first record of each backfill request, unless its records are not consecutive', async () => {
    const asked: string[] = [];
    let pending = true;
    const fetch = async (request: Request) => {
      const { pathname, search } = new URL(request.url);
      const records = Buffer.from(await request.arrayBuffer())
        .toString()
        .split('\n');
      asked.push(`${pathname}${search} ${records.join('')}`);
      const status = (record: string) => (pending && '02'.includes(record) ? 'PENDING' : 'ACCEPTED');
      const results = records.map((record, line) => {
        return { event_id: null, status: status(record), lag_ms: 0, raw_key: 'raw', line };
      });
      pending = false;
      return Response.json({ results, counts: {} });
    };
    await createRecordSender({ fetch, backfill: true }).send(['0', '1', '2', '3'], { firstPlace: 41 });
    await createRecordSender({ fetch, backfill: true, dryRun: true }).send(['4', '5'], { firstPlace: 45 });
    await createRecordSender({ fetch, backfill: true }).send(['6']);
    await createRecordSender({ fetch }).send(['7'], { firstPlace: 48 });
    expect(asked).toEqual([
      '/import?first_line=41 0123',
      '/import 02',
      '/import?dry_run=true&first_line=45 45',
      '/import 6',
      '/ingest 7',
    ]);
  });

  it('returns the error of one record as its outcome, and the results of all others', async () => {
    const { fetch } = backend(({ bytes }) =>
      Buffer.from(bytes).includes('large') ? problem(413, 'EVENT_TOO_LARGE') : null,
    );
    for (const end of ['', '\n']) {
      const records = ['{"a":1}', '{"a":"large"}', '{"a":3}', `{"a":4${end}}`];
      const outcomes = await createRecordSender({ fetch }).send(records);
      expect(outcomes.map((outcome) => (KitError.is(outcome) ? outcome.code : outcome.status))).toEqual([
        'ACCEPTED',
        'EVENT_TOO_LARGE',
        'ACCEPTED',
        'ACCEPTED',
      ]);
    }
  });

  it('returns the same error for all records if none can be sent, and throws nothing', async () => {
    const { fetch } = backend(() => problem(403, 'FORBIDDEN'));
    const outcomes = await createRecordSender({ fetch }).send(['{}', '{}']);
    expect(outcomes).toMatchObject([{ code: 'FORBIDDEN' }, { code: 'FORBIDDEN' }]);
  });
});
