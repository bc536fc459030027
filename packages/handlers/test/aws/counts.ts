import { createPipeline } from '../../src/create-pipeline.ts';
import type { Pipeline } from '../../src/pipeline.ts';
import { type AwsCall, createFakeAws, type FakeAws } from '../../src/testing/aws/fake-aws.ts';
import { createTestClock } from '../../src/testing/memory-backend.ts';
import { TESTER } from '../support/replay-world.ts';

/** Which events are sent: new ones by content or occurrence, new ones with a key, or those of the request before. */
export type Identity = 'content' | 'keyed' | 'duplicates';

/** What a number of events cost in requests and units. */
export interface Counts {
  readonly events: number;
  readonly requests: number;
  readonly puts: number;
  readonly reads: number;
  readonly readUnits: number;
  /** Write units by kind of row. */
  readonly units: Readonly<Record<string, number>>;
}

const PRODUCER = '01890a5d-ac96-774b-bcce-b302099a8057';
const START = Date.UTC(2026, 0, 1, 12);

/** Events of a producer as the SDK sends them, some 300 bytes each: of one series, over many entities. */
export function eventsOf(identity: Identity, range: { from: number; count: number }): object[] {
  return Array.from({ length: range.count }, (_, i) => {
    const seq = range.from + i + 1;
    return {
      source: 'ios_app',
      event_type: 'purchase.completed',
      entity_id: `user_${seq % 997}`,
      event_time: new Date(START + seq).toISOString(),
      producer: { id: PRODUCER, seq },
      payload: { amount: seq, currency: 'EUR', basket: ['b-1020', 'b-3301'], note: 'x'.repeat(60) },
      ...(identity === 'keyed' ? { idempotency_key: `order-${seq}` } : {}),
    };
  });
}

/** Services in memory with a pipeline over them. */
export function startCounting(): {
  aws: FakeAws;
  pipeline: Pipeline;
  send: (events: readonly object[]) => Promise<void>;
} {
  const clock = createTestClock(START + 3_600_000);
  const aws = createFakeAws({ clock });
  const pipeline = createPipeline({ backend: aws.open(), settleMs: 50_000 });
  const send = async (events: readonly object[]) => {
    clock.ms += 1;
    await pipeline.ingest({
      body: Buffer.from(events.map((event) => JSON.stringify(event)).join('\n')),
      format: 'ndjson',
      mode: 'live',
      receivedMs: clock.ms,
      requestId: `request ${clock.ms}`,
      principal: 'ios',
      dryRun: false,
    });
  };
  return { aws, pipeline, send };
}

/** Counts what events cost that come in requests of so many, on a process that has answered before. */
export async function countIngest(
  identity: Identity,
  options: { events: number; perRequest: number },
): Promise<Counts> {
  const { events, perRequest } = options;
  const { aws, send } = startCounting();
  await send(eventsOf('content', { from: 10_000_000, count: 1 }));
  const requests = Array.from({ length: events / perRequest }, (_, i) =>
    eventsOf(identity, { from: i * perRequest, count: perRequest }),
  );
  if (identity === 'duplicates') for (const request of requests) await send(request);
  aws.calls.length = 0;
  for (const request of requests) await send(request);
  return { events, requests: requests.length, ...countCalls(aws.calls) };
}

/** What calls used up. */
export function countCalls(calls: readonly AwsCall[]): Pick<Counts, 'puts' | 'reads' | 'readUnits' | 'units'> {
  const units: Record<string, number> = {};
  let puts = 0;
  let reads = 0;
  let readUnits = 0;
  for (const { request, input, units: used } of calls) {
    if (request === 'PutObject') puts += 1;
    if (/^(Get|Head|List|Query|BatchGet|Scan)/.test(request)) reads += 1;
    readUnits += used.read;
    if (used.write === 0) continue;
    const kind = kindOf(input as { Item?: Record<string, { S?: string }> });
    units[kind] = (units[kind] ?? 0) + used.write;
  }
  return { puts, reads, readUnits, units };
}

const KINDS: Readonly<Record<string, string>> = {
  D: 'DELIVERY',
  F: 'FAILURE',
  N: 'SLICE receipts',
  P: 'PACK',
  Q: 'SEQUENCE',
  S: 'SLICE',
  M: 'mark',
};

function kindOf({ Item = {} }: { Item?: Record<string, { S?: string }> }): string {
  const pk = Item.pk?.S ?? '';
  if (pk.endsWith('#days')) return 'directory';
  if (pk.startsWith('E#')) return Item.i === undefined ? 'EVENT' : 'TIME';
  return KINDS[pk[0] ?? ''] ?? pk;
}

/** All events of these counts, replayed in one call. */
export function replayAll(pipeline: Pipeline, replayId?: string) {
  const range = { start_time: new Date(START).toISOString(), end_time: new Date(START + 43_200_000).toISOString() };
  return pipeline.replay(
    { ...range, ...(replayId === undefined ? {} : { replay_id: replayId }), limit: 100_000 },
    TESTER,
  );
}
