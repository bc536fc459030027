import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { beforeEach, expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { IngestRequest, Pipeline } from '../../src/api/pipeline.ts';
import { silentTelemetry } from '../../src/ports/telemetry.ts';

// The counts that ingest keeps per request, and how it distinguishes one record from many.

const DURATIONS: readonly string[] = ['IngestParseMs', 'IngestStoreMs', 'IngestAdmitMs'];
const NOW = Date.UTC(2026, 0, 10);

let counted: [metric: string, value: number | readonly number[]][];
let timed: string[];
let pipeline: Pipeline;
beforeEach(() => {
  counted = [];
  timed = [];
  pipeline = createPipeline({
    backend: createMemoryBackend(createTestClock(NOW)),
    telemetry: {
      ...silentTelemetry,
      count: (metric, value) => void counted.push([metric, value]),
      observe(metric, values) {
        if (DURATIONS.includes(metric)) timed.push(metric);
        else counted.push([metric, values]);
      },
    },
  });
});

const event = (n: number, rest: Record<string, unknown> = {}) => ({
  source: 'app',
  event_type: 'thing',
  entity_id: `e${n}`,
  event_time: new Date(NOW - n * 1_000).toISOString(),
  payload: { n },
  ...rest,
});

const ingest = (records: readonly unknown[], rest: Partial<IngestRequest> = {}) =>
  pipeline.ingest({
    body: new TextEncoder().encode(records.map((record) => JSON.stringify(record)).join('\n')),
    format: 'ndjson',
    mode: 'live',
    receivedMs: NOW,
    requestId: 'r',
    principal: null,
    dryRun: false,
    ...rest,
  });

it('ingest counts all receipts, the receipts of each outcome, and the lag of each accepted one', async () => {
  await ingest([event(1, { idempotency_key: 'k' }), event(2)]);
  expect(counted).toEqual([
    ['IngestCount', 2],
    ['DuplicateCount', 0],
    ['ConflictCount', 0],
    ['RejectedCount', 0],
    ['IngestLagMs', [1_000, 2_000]],
  ]);
  expect(timed).toEqual(DURATIONS);
  counted = [];
  const { counts } = await ingest([
    event(2),
    event(2),
    event(1, { idempotency_key: 'k', payload: { n: 'another' } }),
    event(3, { source: '' }),
    event(4, { payload: undefined }),
    event(5, { entity_id: 7 }),
    event(6),
  ]);
  expect(counts).toEqual({ DUPLICATE: 2, CONFLICT: 1, REJECTED: 3, ACCEPTED: 1 });
  expect(counted).toEqual([
    ['IngestCount', 7],
    ['DuplicateCount', 2],
    ['ConflictCount', 1],
    ['RejectedCount', 3],
    ['IngestLagMs', [6_000]],
  ]);
});

it('ingest counts nothing for a request without a record or for a dry run', async () => {
  expect(await ingest([])).toMatchObject({ results: [], counts: {} });
  expect(await ingest([event(1)], { dryRun: true })).toMatchObject({ counts: { ACCEPTED: 1 } });
  expect([counted, timed]).toEqual([[], []]);
  expect((await ingest([event(1)])).counts).toEqual({ ACCEPTED: 1 });
});

it('a receipt has its line in the file only if the first line is given', async () => {
  const linesOf = async (rest: Partial<IngestRequest>) => {
    const { results } = await ingest([event(1), event(2), event(3, { source: '' })], rest);
    const receipts = results.map(({ raw_key, line }) =>
      pipeline.receipt({ pack_id: raw_key?.match(/[0-9a-f-]{36}/)?.[0] ?? '', line: line ?? -1 }),
    );
    return (await Promise.all(receipts)).map(({ receipt }) => (receipt as { file_line?: number }).file_line);
  };
  expect(await linesOf({ firstLine: 10 })).toEqual([10, 11, 12]);
  expect(await linesOf({})).toEqual([undefined, undefined, undefined]);
});

it('a long request lets other requests run', async () => {
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await ingest(
    Array.from({ length: 2_000 }, (_, n) => event(n)),
    { dryRun: true },
  );
  isOver = true;
  expect(turns).toBeGreaterThanOrEqual(2_000 / 250);
  expect(turns).toBeLessThan(100);
});
