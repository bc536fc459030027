// A producer against a backend that gives every kind of response, in virtual time. In every history, each event has one
// result, the counters add up at every moment, every acknowledged event is at the backend, the backend keeps no event
// under two texts, and each sequence number up to the last is at the backend or was reported as lost.
import { at } from '@pik/schema/events';
import { createProducer, type EmitResult, type ProducerOptions } from '@pik/sdk';
import { runs } from '@pik/testkit/budget';
import { reportsOf, type ScriptedBackend, scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { useVirtualTime, within } from './support/virtual-time.ts';
import { WAYS } from './support/ways.ts';

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('emit' as const), count: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 10, 200, 3_000, 40_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('emit with a key' as const), key: fc.constantFrom('a', 'b') }) },
  { weight: 1, arbitrary: fc.constant({ do: 'flush' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'emit an invalid event' as const }) },
);

const options = fc.record({
  overflow: fc.constantFrom('wait' as const, 'undelivered' as const, 'drop-oldest' as const),
  batchCountMax: fc.integer({ min: 1, max: 8 }),
  bufferCountMax: fc.integer({ min: 1, max: 25 }),
  requestsInFlightMax: fc.integer({ min: 1, max: 3 }),
  attemptsMax: fc.constantFrom(1, 2, 5, 1_000),
});

const plan = fc.record({
  options,
  ways: fc.array(fc.constantFrom(...Object.keys(WAYS)), { maxLength: 12 }),
  // The response to every request after the planned ones: mostly the backend recovers, sometimes it never does.
  last: fc.oneof(
    { weight: 5, arbitrary: fc.constant('accept') },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(WAYS)) },
  ),
  steps: fc.array(step, { minLength: 1, maxLength: 15 }),
});

/**
 * Of two requests that are answered at the same moment, one is refused and the other accepted; later ones are accepted.
 */
const REFUSED_AND_TAKEN: typeof plan extends fc.Arbitrary<infer T> ? T : never = {
  options: { overflow: 'wait', batchCountMax: 1, bufferCountMax: 2, requestsInFlightMax: 2, attemptsMax: 1 },
  ways: ['accept', 'refused by a proxy', 'accept', 'refused by a proxy'],
  last: 'a body that broke on the way',
  steps: [
    { do: 'emit with a key', key: 'a' },
    { do: 'wait', ms: 0 },
    { do: 'emit', count: 2 },
  ],
};

beforeEach(useVirtualTime);
afterEach(() => void vi.useRealTimers());

class World {
  readonly backend: ScriptedBackend;
  readonly producer;
  readonly results: EmitResult[] = [];
  readonly emitted: { event_id: string | null; result: Promise<EmitResult> }[] = [];

  constructor(ways: readonly string[], last: string, options: Partial<ProducerOptions>) {
    this.backend = scriptedBackend((request, backend) => {
      const way = WAYS[ways[request.attempt - 1] ?? last];
      if (way === undefined) throw new Error('no such way');
      return way(request, backend);
    });
    this.producer = createProducer({
      fetch: this.backend.fetch,
      source: 's',
      gzipBytesMin: 1_000_000_000,
      log: () => {},
      onResult: (result) => this.results.push(result),
      ...options,
    });
  }

  emit(payload: object = { n: this.emitted.length }, idempotency_key?: string): void {
    this.emitted.push(this.producer.emit('t', payload, { entity_id: 'e', idempotency_key }));
  }

  /** G8, at every moment. */
  check(): void {
    const { emitted, acked, rejected, undelivered, dropped, pending } = this.producer.stats();
    expect(emitted).toBe(acked + rejected + undelivered + dropped + pending);
    expect(emitted).toBe(this.emitted.length);
    expect(this.results).toHaveLength(emitted - pending);
  }
}

async function act(world: World, given: typeof step extends fc.Arbitrary<infer T> ? T : never): Promise<void> {
  if (given.do === 'emit') for (let i = 0; i < given.count; i++) world.emit();
  else if (given.do === 'wait') await vi.advanceTimersByTimeAsync(given.ms);
  else if (given.do === 'flush') void world.producer.flush().catch(() => {});
  else if (given.do === 'emit with a key') world.emit({}, given.key);
  else world.emit({ n: 1n });
  world.check();
}

describe('a producer', () => {
  it('G6, G8, G9, H11, O14, O15, O16, O17, I14: accounts for every event, whatever the responses', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ options, ways, last, steps }) => {
        const world = new World(ways, last, options);
        for (const given of steps) await act(world, given);
        await within(600_000, world.producer.close());
        world.check();
        expect(world.producer.stats().pending).toBe(0);
        const results = await Promise.all(world.emitted.map(({ result }) => result));
        checkResults(world, results);
        checkBytes(world);
        // A key that is refused while the producer closes ends all attempts, including those of loss reports.
        if (last === 'accept' && !ways.some((way) => way.startsWith('refused'))) checkNumbers(world);
      }),
      { ...runs(600), examples: [[REFUSED_AND_TAKEN]] },
    );
  });
});

/** Every acknowledged event is kept under the id that the producer derived. */
function checkResults({ backend, emitted, producer }: World, results: readonly EmitResult[]): void {
  const acked = results.flatMap(({ status }, i) =>
    ['ACCEPTED', 'DUPLICATE', 'CONFLICT'].includes(status) ? [String(emitted[i]?.event_id)] : [],
  );
  expect(acked.filter((id) => !backend.kept.has(id))).toEqual([]);
  expect(acked.length).toBe(producer.stats().acked);
  for (const result of results) if (result.status === 'UNDELIVERED') expect(result.code).toBeTypeOf('string');
}

/** Retries have the same bytes. */
function checkBytes({ backend }: World): void {
  const texts = new Map<number, string>();
  for (const { lines, texts: received } of backend.requests) {
    for (const [i, line] of lines.entries()) {
      if (line.producer === undefined) continue;
      const { seq } = line.producer;
      expect(received[i]).toBe(texts.get(seq) ?? received[i]);
      texts.set(seq, at(received, i));
    }
  }
}

/** Each sequence number is at the backend or was reported; the last one is known. */
function checkNumbers({ backend, emitted, producer }: World): void {
  const reports = reportsOf(backend.requests).map(({ payload }) => payload);
  // Reports may overtake each other.
  const last = reports.find(({ closed }) => closed === true) as { last_seq: number } | undefined;
  const numbered = emitted.length - producer.stats().rejected;
  if (last === undefined) {
    expect(numbered).toBeLessThanOrEqual(0);
    return;
  }
  const seen = new Set<number>(backend.requests.flatMap(({ lines }) => lines.map((line) => line.producer?.seq ?? 0)));
  for (const { dropped, undelivered } of reports as Record<string, [number, number][]>[]) {
    for (const [from, to] of [...(dropped ?? []), ...(undelivered ?? [])]) for (let n = from; n <= to; n++) seen.add(n);
  }
  const missing = Array.from({ length: last.last_seq }, (_, i) => i + 1).filter((n) => !seen.has(n));
  expect(missing).toEqual([]);
}
