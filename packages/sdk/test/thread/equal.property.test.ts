// One life of a producer, lived twice: with all requests made by its own thread, and by another one. Both have the same
// results, ids, bytes and counts, in the same order.
import { createProducer, defineCatalog, type EmitOptions, type EmitResult } from '@pik/sdk';
import { runs } from '@pik/testkit/budget';
import { scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { killThreads, next, seen } from '../support/loopback-thread.ts';
import { useVirtualTime, within } from '../support/virtual-time.ts';
import { WAYS } from '../support/ways.ts';

vi.mock('../../src/producer/thread/thread-choice.ts', async (original) => {
  const { choice } = await import('../support/loopback-thread.ts');
  return { ...(await original<object>()), ...choice };
});
vi.mock('../../src/producer/thread/node-thread.ts', async () => {
  const { startLoopback } = await import('../support/loopback-thread.ts');
  return { startNodeThread: startLoopback };
});
vi.mock('uuid', () => ({ v7: () => '019b6a5d-ac96-774b-bcce-b302099a8057' }));

const catalog = defineCatalog({
  content: { identity: 'content' },
  occurrence: { identity: 'occurrence' },
  keyed: { identity: (payload: { readonly a?: unknown }) => String(payload.a) },
});
const volatile = [{ source: 's', event_type: 'content', version: 1, paths: ['/v'] }];

const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(Number.NaN, '\ud800', new Date(5), undefined, 1e300, -0, 'é\u2028"\\'),
);
const event = fc.record({
  type: fc.constantFrom('content' as const, 'occurrence' as const, 'keyed' as const),
  payload: fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({ b: value, a: value, v: fc.nat(2), __proto__: fc.constant(null) }, { requiredKeys: ['v'] }),
    },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  options: fc.record(
    {
      entity_id: fc.constantFrom('e', 'é', '', '\udc00'),
      event_time: fc.constantFrom('2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05+01:00', 'yesterday', new Date(7)),
      source: fc.constantFrom('s', 'other'),
      idempotency_key: fc.constantFrom('k', 'l'),
      traceparent: fc.constant(`00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`),
      schema_version: fc.constantFrom('1', 2),
      request_id: fc.constant('r'),
    },
    { requiredKeys: ['entity_id'] },
  ),
});
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('emit' as const), events: fc.array(event, { maxLength: 6 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 200, 3_000, 40_000) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush' as const) }) },
);
const life = fc.record({
  options: fc.record({
    overflow: fc.constantFrom('wait' as const, 'undelivered' as const, 'drop-oldest' as const),
    batchCountMax: fc.integer({ min: 1, max: 8 }),
    bufferCountMax: fc.integer({ min: 1, max: 25 }),
    requestsInFlightMax: fc.integer({ min: 1, max: 3 }),
    attemptsMax: fc.constantFrom(1, 2, 1_000),
    gzipBytesMin: fc.constantFrom(0, 1_024),
  }),
  ways: fc.array(fc.constantFrom(...Object.keys(WAYS)), { maxLength: 8 }),
  hasHook: fc.boolean(),
  steps: fc.array(step, { minLength: 1, maxLength: 8 }),
});
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;

beforeEach(useVirtualTime);
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Lives a life, and returns everything that can be observed of it. */
async function live(
  { options, ways, hasHook, steps, declared = volatile }: Life & { declared?: typeof volatile },
  usesThread: boolean,
  duringStep = () => {},
) {
  next.usesThread = usesThread;
  vi.setSystemTime(Date.UTC(2026, 0, 1));
  const backend = scriptedBackend((request, own) => {
    const way = WAYS[ways[request.attempt - 1] ?? 'accept'];
    if (way === undefined) throw new Error('no such way');
    return way(request, own);
  });
  const hooked: EmitResult[] = [];
  const producer = createProducer({
    ...{ fetch: backend.fetch, source: 's', catalog, volatile: declared, log: () => {} },
    ...(hasHook ? { onResult: (result: EmitResult) => hooked.push(result) } : {}),
    ...options,
  });
  const emitted = [];
  for (const given of steps) {
    if (given.do === 'emit')
      for (const { type, payload, options: fields } of given.events)
        emitted.push(producer.emit(type, payload as never, fields as EmitOptions));
    else if (given.do === 'wait') await vi.advanceTimersByTimeAsync(given.ms);
    else void producer.flush().catch(() => {});
    duringStep();
  }
  await within(600_000, producer.close());
  const results = await Promise.all(emitted.map(({ result }) => result));
  return {
    results,
    hooked,
    ids: emitted.map(({ event_id }) => event_id),
    stats: producer.stats(),
    requests: backend.requests.map(({ path, texts, bytes }) => ({ path, texts, bytes })),
    kept: [...backend.kept],
  };
}

it('a life with a thread equals the same life without one', async () => {
  // The waits between attempts are random.
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  await fc.assert(
    fc.asyncProperty(life, async (given) => {
      expect(await live(given, true)).toEqual(await live(given, false));
    }),
    runs(400),
  );
  expect(seen.posts).toBeGreaterThan(0);
});

/** The backend of the test reads no others. */
function withValidFields(given: Life['steps'][number]): Life['steps'][number] {
  if (given.do !== 'emit') return given;
  const valid = { entity_id: 'e', event_time: '2026-01-02T03:04:05.678Z' } as const;
  return { ...given, events: given.events.map((one) => ({ ...one, options: { ...one.options, ...valid } })) };
}

it('a thread that ends at any moment costs no event its result', async () => {
  await fc.assert(
    fc.asyncProperty(life, fc.array(fc.boolean(), { minLength: 1, maxLength: 8 }), async (given, ends) => {
      let at = 0;
      const plain = { ...given, steps: given.steps.map(withValidFields), ways: [], declared: [] };
      const { stats, results } = await live(plain, true, () => {
        if (ends[at++ % ends.length]) killThreads();
      });
      expect(stats.pending).toBe(0);
      expect(results).toHaveLength(stats.emitted);
      expect(stats.undelivered).toBe(results.filter(({ status }) => status === 'UNDELIVERED').length - stats.dropped);
      // The backend takes everything, so what was not refused is there.
      for (const result of results)
        if (result.status === 'UNDELIVERED') expect(['BUFFER_FULL', 'DROPPED']).toContain(result.code);
    }),
    runs(200),
  );
});
