import http from 'node:http';
import { createProducer } from '@pik/sdk';
import { openOutbox } from '@pik/sdk/outbox';
import { afterAll, describe, expect, it } from 'vitest';

import { type Ended, folder, start, tidyUp } from '../../../sdk/test/outbox/support/children.ts';
import type { Script } from '../../../sdk/test/support/producer-world.ts';
import { problem } from '../../../sdk/test/support/scripted-backend.ts';
import { type ServedSink, serveSink } from '../../../sdk/test/support/served-sink.ts';

/** Raise the number of runs by hand: `PIK_SIGNALS=200`. */
const ROUNDS = Number(process.env.PIK_SIGNALS ?? 2);
const CLIENTS = 6;

/** The state of the kit while the service shuts down. */
const KITS: Record<string, Script | undefined> = {
  well: undefined,
  moody: ({ lines, attempt }, backend) =>
    attempt % 3 === 0 ? problem(503, 'INDEX_UNAVAILABLE') : backend.accept(lines),
  away: () => new Promise(() => {}),
};

/** A service under load gets a signal at a random moment. A seed determines the moments. */
export function describeShutdown(child: string, seed = Number(process.env.PIK_SEED ?? 22)): void {
  const random = mulberry32(seed);
  afterAll(tidyUp);

  const cases = Object.keys(KITS).flatMap((kit) => ['once', 'on'].map((how) => [kit, how] as const));
  describe.each(cases)(`a kit that is %s, a service that listens by process.%s (seed ${seed})`, (kit, how) => {
    it('answers every accepted request, and accounts for every event', async () => {
      const sink = await serveSink(KITS[kit]);
      const about = { url: sink.url, how, graceMs: kit === 'away' ? 500 : 60_000 };
      for (let round = 0; round < ROUNDS; round++) {
        const { ended, answers } = await endUnderLoad(child, { ...about, dir: '', afterMs: random() * 250 });
        const { accepted, counted } = accountOf(ended, answers);
        expect(counted.acked + counted.undelivered).toBe(counted.emitted);
        if (kit !== 'away') expect(missingOf(sink, accepted)).toEqual([]);
      }
      await sink.close();
    }, 120_000);

    it('loses none with an outbox: the next start sends the rest', async () => {
      const sink = await serveSink(KITS[kit]);
      const about = { url: sink.url, how, graceMs: kit === 'away' ? 500 : 60_000 };
      const well = await serveSink();
      for (let round = 0; round < ROUNDS; round++) {
        const dir = folder();
        const { ended, answers } = await endUnderLoad(child, { ...about, dir, afterMs: random() * 250 });
        const { accepted } = accountOf(ended, answers);
        const next = createProducer({
          url: well.url,
          source: 'shop',
          outbox: await openOutbox({ dir }),
          log: () => {},
        });
        await next.close();
        for (const [id, text] of sink.backend.kept) well.backend.kept.set(id, text);
        expect(missingOf(well, accepted)).toEqual([]);
      }
      await Promise.all([sink.close(), well.close()]);
    }, 120_000);
  });
}

/** Every accepted request has its answer, and every event of the producer has a result. */
function accountOf(ended: Ended, answers: ReadonlyMap<string, number>) {
  expect([ended.code, ended.signal, ended.errors]).toEqual([0, null, '']);
  const accepted = ended.said
    .filter(({ what }) => what === 'accepted')
    .map(({ about }) => (about as string[])[0] ?? '');
  expect(accepted.filter((id) => answers.get(id) !== 201)).toEqual([]);
  const counted = ended.said.find(({ what }) => what === 'counted')?.about as Record<string, number>;
  // Its own event, and that of its request; while it shuts down Fastify answers with 503, which is an event as well.
  expect(counted.emitted).toBeGreaterThanOrEqual(2 * accepted.length);
  expect(counted).toMatchObject({ pending: 0, rejected: 0, dropped: 0 });
  return { accepted, counted: counted as { emitted: number; acked: number; undelivered: number } };
}

/** Orders whose event is not in the kit. */
function missingOf({ backend }: ServedSink, accepted: readonly string[]): string[] {
  const kept = new Set([...backend.kept.values()].map((text) => JSON.parse(text).idempotency_key));
  return accepted.filter((id) => !kept.has(id));
}

interface Round {
  readonly url: string;
  readonly dir: string;
  readonly how: string;
  readonly graceMs: number;
  readonly afterMs: number;
}

let orders = 0;

async function endUnderLoad(child: string, { url, dir, how, graceMs, afterMs }: Round) {
  const service = start(child, [url, dir, how, String(graceMs)]);
  await service.heard('listening');
  const port = service.said().find(({ what }) => what === 'listening')?.about as number;
  const answers = new Map<string, number>();
  let isOver = false;
  const clients = Array.from({ length: CLIENTS }, async (_, n) => {
    const agent = new http.Agent({ keepAlive: n % 2 === 0, maxSockets: 1 });
    while (!isOver) {
      orders += 1;
      const id = `order-${orders}`;
      answers.set(id, await post(port, { agent, path: `/orders/${id}` }));
      if (answers.get(id) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    agent.destroy();
  });
  await service.heard('accepted');
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  service.process.kill('SIGTERM');
  const ended = await service.ended;
  isOver = true;
  await Promise.all(clients);
  return { ended, answers };
}

/** The status of a complete answer; 0 without one. */
function post(port: number, about: { agent: http.Agent; path: string }): Promise<number> {
  return new Promise((resolve) => {
    const request = http.request({ host: '127.0.0.1', port, method: 'POST', ...about }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.complete ? (response.statusCode ?? 0) : 0));
      response.on('error', () => resolve(0));
    });
    request.on('error', () => resolve(0));
    request.end();
  });
}

/** Small random numbers from a seed. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
