import { packStoredMs } from '@pik/schema';
import { createFaultyBackend, createMemoryBackend, type MemoryBackend } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline } from '../../src/api/pipeline.ts';
import type { Clock } from '../../src/ports/backend.ts';
import { createContext } from '../../src/runtime/context.ts';
import { rebuildIndex } from '../../src/verify/rebuild.ts';

// The server's own clock is wrong: set ahead or back, at its start, while it runs, and while it is down.

const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 1);

/** A wall clock that tests can set, and a monotonic clock that nothing sets. */
interface SetClock extends Clock {
  ms: number;
  steadyMs: number;
  pass(ms: number): void;
}

function createSetClock(): SetClock {
  return {
    ms: START,
    steadyMs: 0,
    now() {
      return this.ms;
    },
    monotonicMs() {
      return this.steadyMs;
    },
    pass(ms) {
      this.ms += ms;
      this.steadyMs += ms;
    },
  };
}

/** A server that restarts over the data of its backend; each restart makes a new pipeline. */
class World {
  readonly clock = createSetClock();
  readonly backend: MemoryBackend = createMemoryBackend(this.clock);
  readonly acknowledged: { event_id: string; pack_id: string; status: string; storedMs: number }[] = [];
  pipeline: Pipeline = this.#start();
  #sent = 0;

  #start(): Pipeline {
    // A process reads the existing rows when it starts.
    return createPipeline({ backend: { ...this.backend, soleOwner: this.backend.soleOwner, clock: this.clock } });
  }

  async restart(): Promise<void> {
    this.pipeline = this.#start();
    await this.pipeline.sweep({ minAgeMs: 0, lookBackMs: 24 * HOUR });
  }

  async send(n = this.#sent++): Promise<string> {
    const receivedMs = this.clock.now();
    const release = this.pipeline.arriving(receivedMs);
    const { results } = await this.pipeline.ingest(this.request(n, receivedMs));
    release();
    const [result] = results;
    const pack_id = packIdOf(result?.raw_key);
    const { event_id = '', status = '' } = result ?? {};
    this.acknowledged.push({ event_id: event_id ?? '', pack_id, status, storedMs: receivedMs });
    return status;
  }

  /** Sends a record without waiting for those before it. */
  async sendNow(n: number): Promise<{ pack_id: string; line: number; status: string }> {
    const { results } = await this.pipeline.ingest(this.request(n, this.clock.now()));
    const [result] = results;
    return { pack_id: packIdOf(result?.raw_key), line: result?.line ?? -1, status: result?.status ?? '' };
  }

  /** The process crashes after a pack was stored and before it was admitted. */
  async crashInside(): Promise<void> {
    const backend = { ...this.backend, soleOwner: this.backend.soleOwner, clock: this.clock };
    const dying = createPipeline({ backend: createFaultyBackend(backend, [{ call: 3, kind: 'crash-before' }]) });
    await expect(dying.ingest(this.request(this.#sent++, this.clock.now()))).rejects.toThrow();
    await this.restart();
  }

  request(n: number, receivedMs: number) {
    const record = { source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-01T00:00:00Z', payload: { n } };
    const body = new TextEncoder().encode(JSON.stringify(record));
    return { body, format: 'json', mode: 'live', receivedMs, requestId: 'r', principal: null, dryRun: false } as const;
  }

  get sent(): number {
    return this.#sent;
  }
}

function packIdOf(rawKey: string | null | undefined): string {
  return /([0-9a-f-]{36})\.ndjson/.exec(rawKey ?? '')?.[1] ?? '';
}

const change = fc.oneof(
  fc.record({ kind: fc.constant('send' as const) }),
  fc.record({ kind: fc.constant('again' as const), of: fc.nat({ max: 20 }) }),
  fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 3 * HOUR }) }),
  fc.record({ kind: fc.constant('set' as const), ms: fc.integer({ min: -400 * 24 * HOUR, max: 400 * 24 * HOUR }) }),
  fc.record({ kind: fc.constant('restart' as const) }),
  fc.record({ kind: fc.constant('crash' as const) }),
);

describe('under any change of the server clock', () => {
  it('no answer denies an acknowledged receipt, packs lie in their hour, and a rebuild gives the same verdicts', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 3, maxLength: 25 }), async (changes) => {
        const world = new World();
        for (const one of changes) {
          if (one.kind === 'pass') world.clock.pass(one.ms);
          else if (one.kind === 'set') world.clock.ms += one.ms;
          else if (one.kind === 'restart') await world.restart();
          else if (one.kind === 'crash') await world.crashInside();
          else if (one.kind === 'send') expect(await world.send()).toBe('ACCEPTED');
          else if (world.sent > 0) expect(['DUPLICATE', 'ACCEPTED']).toContain(await world.send(one.of % world.sent));
        }
        await world.restart();
        await expectAllKnown(world);
        await expectSameAfterRebuild(world);
      }),
      runs(60),
    );
  });

  it('an hour back or forth in the middle of a group changes no verdict, and a rebuild gives the same ones', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('send' as const), n: fc.nat({ max: 4 }) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('set' as const), ms: fc.constantFrom(-HOUR, HOUR) }) },
    );
    let sharing = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 20 }), async (steps) => {
        const world = new World();
        // All at once: the first is stored by itself, and the clock changes while the others wait and while they are stored.
        const sent = steps.flatMap((one) => {
          if (one.kind === 'set') world.clock.ms += one.ms;
          return one.kind === 'send' ? [{ n: one.n, answer: world.sendNow(one.n) }] : [];
        });
        const news = new Map<number, number>();
        for (const { n, answer } of sent) {
          const { status } = await answer;
          expect(['ACCEPTED', 'DUPLICATE']).toContain(status);
          news.set(n, (news.get(n) ?? 0) + (status === 'ACCEPTED' ? 1 : 0));
        }
        expect([...news.values()].filter((count) => count !== 1)).toEqual([]);
        if (world.backend.packs.size < sent.length) sharing += 1;
        await world.restart();
        const fresh = await rebuilt(world);
        for (const { answer } of sent) {
          const { pack_id, line, status } = await answer;
          for (const { index } of [world.backend, fresh])
            expect((await index.getPack(pack_id))?.outcomes[line]).toBe(status === 'ACCEPTED' ? 'A' : 'D');
        }
      }),
      runs(100),
    );
    expect(sharing).toBeGreaterThan(0);
  });

  it('a clock that was ahead is reported by health, log and explain, and packs lie in their hour once it is right', async () => {
    const world = new World();
    world.clock.ms += 300 * 24 * HOUR;
    await world.restart();
    await world.send();
    world.clock.pass(60_000);
    expect(world.pipeline.clockFault()).toBeNull();
    world.clock.ms -= 300 * 24 * HOUR;
    world.clock.pass(60_000);
    expect(world.pipeline.clockFault()).toContain('ahead of this server');
    await world.send();
    expect(
      new Set(world.acknowledged.map(({ pack_id }) => new Date(packStoredMs(pack_id)).getUTCFullYear())).size,
    ).toBe(1);
    expect(packStoredMs(world.acknowledged[1]?.pack_id ?? '') - world.clock.ms).toBe(0);
    const [wrong, right] = await Promise.all(
      world.acknowledged.map(({ event_id }) => world.pipeline.explainEvent({ event_id }, { asOfMs: null })),
    );
    expect(wrong?.findings).toMatchObject([
      { code: 'SERVER_CLOCK_WRONG', text: expect.stringContaining('own clock was ahead by') },
    ]);
    expect(right?.findings).toEqual([]);
    // Another process reads the notes of this one.
    await world.restart();
    const later = await world.pipeline.explainEvent({ event_id: wrong?.event?.event_id ?? '' }, { asOfMs: null });
    expect(later.findings).toMatchObject([{ code: 'SERVER_CLOCK_WRONG' }]);
  });

  it('a clock that began in 1970 does not blame the producers', async () => {
    const world = new World();
    world.clock.ms = 10_000;
    await world.restart();
    for (let n = 0; n < 5; n++) await world.send();
    world.clock.ms = START + HOUR;
    world.clock.pass(1_000);
    for (let n = 0; n < 5; n++) await world.send();
    const report = await world.pipeline.ask('lag', {
      basis: 'event',
      by: ['source'],
      include_imported: false,
      limit: 10,
      late_over_ms: HOUR,
    });
    expect(report.notes).toEqual([expect.stringMatching(/own clock was behind by .* from 1970-01-01/)]);
    expect(report.partial).toBe(false);
    const codes = report.groups[0]?.findings.map(({ code }) => code);
    expect(codes).toContain('SERVER_CLOCK_WRONG');
    expect(codes).not.toContain('CLOCK_AHEAD');
  });

  it('a clock that drifts by seconds is not reported as a step', async () => {
    const world = new World();
    await world.send();
    world.clock.ms -= 3_000;
    world.clock.pass(1_000);
    await world.send();
    expect(await world.send(0)).toBe('DUPLICATE');
    expect([...world.backend.packs.keys()].sort()).toEqual([...world.backend.packs.keys()]);
    expect([...world.backend.stored.keys()]).toEqual([]);
  });
});

async function expectAllKnown({ pipeline, acknowledged, backend }: World): Promise<void> {
  const range = { entity_id: 'e', start_time: null, end_time: null, asOfMs: null, limit: 1_000, cursor: null };
  const listed = new Set((await pipeline.timeline(range)).events.map(({ event_id }) => event_id));
  for (const { event_id, pack_id, storedMs } of acknowledged) {
    expect(listed).toContain(event_id);
    expect(await pipeline.explainEvent({ event_id }, { asOfMs: null })).toMatchObject({ found: true });
    expect(Math.abs(packStoredMs(pack_id) - storedMs)).toBeLessThanOrEqual(10_000);
  }
  for (const packId of backend.packs.keys()) expect(await backend.index.getPack(packId)).not.toBeNull();
}

/** The state after losing the index and every note of an answer. */
async function rebuilt({ backend, clock }: World): Promise<MemoryBackend> {
  const fresh = createMemoryBackend(clock);
  for (const [id, bytes] of backend.packs) fresh.packs.set(id, bytes);
  await rebuildIndex(createContext({ backend: fresh }), { answered: (async function* () {})() });
  return fresh;
}

async function expectSameAfterRebuild(world: World): Promise<void> {
  const { backend, acknowledged } = world;
  const fresh = await rebuilt(world);
  for (const { pack_id, status } of acknowledged) {
    const letter = status === 'ACCEPTED' ? 'A' : 'D';
    expect((await fresh.index.getPack(pack_id))?.outcomes).toBe(letter);
  }
  for (const packId of backend.packs.keys())
    expect((await fresh.index.getPack(packId))?.outcomes).toBe((await backend.index.getPack(packId))?.outcomes);
}
