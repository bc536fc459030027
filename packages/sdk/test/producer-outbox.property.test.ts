// A producer with an outbox on a disk in memory, against a backend that gives every kind of response, in virtual time,
// through several lives: each ends by close, a kill or a power loss, at any disk operation. In every history, each
// event that was reported as stored is at the backend in the end or was refused for good, an event always has the same
// bytes, and the counters add up at every moment.
import { at } from '@pik/schema/events';
import { createProducer, type Emitted, type Producer } from '@pik/sdk';
import { runs } from '@pik/testkit/budget';
import {
  idOf,
  type ReceivedRequest,
  type ScriptedBackend,
  scriptedBackend,
} from '@pik/testkit/fixtures/producer/scripted-backend';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openUnlocked } from '../src/outbox/open.ts';
import type { Outbox } from '../src/outbox/outbox-port.ts';
import { randomFrom } from './outbox/support/checks.ts';
import { type Ending, SimDisk, type SimProcess } from './outbox/support/sim-files.ts';
import { pass, useVirtualTime, within } from './support/virtual-time.ts';
import { WAYS } from './support/ways.ts';

const DIR = '/data/outbox';

const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('emit' as const), count: fc.integer({ min: 1, max: 9 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 10, 200, 3_000, 40_000) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'flush' as const }) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait until all is stored' as const }) },
);

const life = fc.record({
  ways: fc.array(fc.constantFrom(...Object.keys(WAYS)), { maxLength: 8 }),
  last: fc.oneof(
    { weight: 3, arbitrary: fc.constant('accept') },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(WAYS)) },
  ),
  steps: fc.array(step, { minLength: 1, maxLength: 8 }),
  ending: fc.constantFrom('close' as const, 'kill' as const, 'power' as const),
});

const plan = fc.record({
  options: fc.record({
    overflow: fc.constantFrom('wait' as const, 'undelivered' as const, 'drop-oldest' as const),
    batchCountMax: fc.integer({ min: 1, max: 8 }),
    bufferCountMax: fc.integer({ min: 1, max: 25 }),
    requestsInFlightMax: fc.integer({ min: 1, max: 3 }),
    attemptsMax: fc.constantFrom(1, 2, 1_000),
  }),
  fsync: fc.constantFrom('batch' as const, 'each' as const, 'interval' as const),
  seed: fc.integer(),
  lives: fc.array(life, { minLength: 1, maxLength: 4 }),
});

beforeEach(useVirtualTime);
afterEach(() => void vi.useRealTimers());
// Each killed outbox leaves its listener behind.
process.setMaxListeners(0);

/** The actions of one life. */
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never;
type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never;

/** State that outlives the processes: the disk, the backend, and the reported results. */
class World {
  readonly disk: SimDisk;
  readonly backend: ScriptedBackend = scriptedBackend();
  readonly stored = new Set<string>();
  readonly emitted = new Set<string>();
  /** Rejected by the backend, too large for it, or dropped as the caller chose: no longer pending. */
  readonly refused = new Set<string>();
  readonly #plan: Plan;

  constructor(given: Plan) {
    this.#plan = given;
    this.disk = new SimDisk(randomFrom(given.seed));
  }

  async open(ways: readonly string[], last: string): Promise<Process> {
    const files = this.disk.start();
    const parts = { files, release: async () => undefined, saveMs: 1_000 };
    const { fsync, options } = this.#plan;
    const disk = { dir: DIR, quotaBytes: 1024 * 1024, segmentBytesMax: 4_096, fsync, onReport: () => {} };
    const outbox = await within(60_000, openUnlocked(disk, parts));
    let attempt = 0;
    const producer = createProducer({
      source: 's',
      gzipBytesMin: 1_000_000_000,
      log: () => {},
      onResult: (result) => {
        if (result.status === 'UNDELIVERED' && result.code === 'DROPPED') this.refused.add(String(result.event_id));
      },
      ...options,
      outbox,
      fetch: async (request) => {
        const way = WAYS[ways[attempt++] ?? last];
        return this.#answer(await this.backend.read(request), { files, way });
      },
    });
    return new Process(this, { files, outbox, producer });
  }

  async #answer(
    request: ReceivedRequest,
    { files, way }: { files: SimProcess; way: (typeof WAYS)[string] | undefined },
  ): Promise<Response> {
    if (files.isOver) return new Promise(() => undefined);
    const { lines } = request;
    if (way === WAYS.rejected) for (const line of lines) this.refused.add(idOf(line));
    const response = await way?.(request, this.backend);
    if (response === undefined) throw new Error('no such way');
    if (response.status === 413 && lines.length === 1) for (const line of lines) this.refused.add(idOf(line));
    return response;
  }
}

/** One life of the process. */
class Process {
  readonly #world: World;
  readonly files: SimProcess;
  readonly outbox: Outbox;
  readonly producer: Producer;
  readonly #emitted: Emitted[] = [];

  constructor(world: World, parts: { files: SimProcess; outbox: Outbox; producer: Producer }) {
    this.#world = world;
    this.files = parts.files;
    this.outbox = parts.outbox;
    this.producer = parts.producer;
  }

  async live({ steps, ending }: Life): Promise<void> {
    for (const given of steps) {
      if (given.do === 'emit') for (let i = 0; i < given.count; i++) this.#emit();
      else if (given.do === 'wait') await pass(given.ms, 1_000);
      else if (given.do === 'flush') void this.producer.flush().catch(() => {});
      else await within(60_000, this.outbox.flush());
      this.check();
    }
    await this.end(ending);
  }

  async end(ending: Ending | 'close'): Promise<void> {
    if (ending === 'close') {
      await within(600_000, this.producer.close());
      this.check();
      expect(this.producer.stats()).toMatchObject({ pending: 0, backlog: { pending: 0 } });
      // Every event has its result unless it is pending in the outbox.
      await Promise.all(this.#emitted.map(({ result }) => result));
    }
    // Collects the results of this turn before the end.
    await new Promise((resolve) => setImmediate(resolve));
    this.files.end();
    if (ending === 'power') this.#world.disk.losePower();
  }

  /** G8, at every moment, for the events and for the backlog. */
  check(): void {
    const { emitted, acked, rejected, undelivered, dropped, pending, backlog } = this.producer.stats();
    expect(emitted).toBe(acked + rejected + undelivered + dropped + pending);
    expect(emitted).toBe(this.#emitted.length);
    expect(backlog.taken).toBe(backlog.acked + backlog.rejected + backlog.undelivered + backlog.pending);
    expect(backlog.pending).toBeGreaterThanOrEqual(0);
  }

  #emit(): void {
    const sent = this.producer.emit('t', { n: this.#emitted.length, fill: 'ä'.repeat(100) }, { entity_id: 'e' });
    this.#emitted.push(sent);
    const { event_id } = sent;
    if (event_id === null) return;
    this.#world.emitted.add(event_id);
    void sent.stored.then((failed) => {
      if (failed === null && !this.files.isOver) this.#world.stored.add(event_id);
    });
  }
}

describe('a producer with an outbox', () => {
  it('G7, G8, O3, O5, O13: delivers every stored event with the same bytes, whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (given) => {
        const world = new World(given);
        for (const one of given.lives) await (await world.open(one.ways, one.last)).live(one);
        const last = await world.open([], 'accept');
        for (let i = 0; i < 200 && last.outbox.stats().pending_count > 0; i++) await pass(500);
        last.check();
        expect(last.outbox.stats().pending_count).toBe(0);
        await last.end('close');
        const owed = [...world.stored].filter((id) => !world.refused.has(id));
        expect(owed.filter((id) => !world.backend.kept.has(id))).toEqual([]);
        checkBytes(world);
      }),
      runs(200),
    );
  });
});

/** Retries have the same bytes in every life, and the backend has only events that were emitted. */
function checkBytes({ backend, emitted }: World): void {
  const known = new Map<string, string>();
  for (const { lines, texts } of backend.requests) {
    for (const [i, line] of lines.entries()) {
      if (line.producer === undefined) continue;
      const name = `${line.producer.id} ${line.producer.seq}`;
      expect(texts[i]).toBe(known.get(name) ?? texts[i]);
      known.set(name, at(texts, i));
      expect(emitted.has(idOf(line))).toBe(true);
    }
  }
}
