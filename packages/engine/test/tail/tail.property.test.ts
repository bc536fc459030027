import { setImmediate } from 'node:timers/promises';
import type { Pipeline } from '@pik/engine';
import type { Match, TailItem } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { fixedRuns, runs } from '@pik/testkit/budget';
import {
  addressesOf,
  LIFE_START_MS,
  lifePipeline,
  lifeRecord,
  meanings,
  textOf,
} from '@pik/testkit/fixtures/engine/search-life';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

// However often a listener disconnects, however often the server restarts, and in whichever order appends end: a listener that
// continues after the last id it saw gets each match once, in the order of the log.

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        kind: fc.constant('send' as const),
        records: fc.array(lifeRecord, { minLength: 1, maxLength: 3 }),
        turns: fc.nat(12),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), turns: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
  ),
  { minLength: 1, maxLength: 14 },
);

/** After how many items each connection of the listener ends. */
const reads = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 6 });

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}

/** A backend whose appends take some turns each, so that they end in any order. */
function slowBackend() {
  const clock = createTestClock(LIFE_START_MS);
  const backend = createMemoryBackend(clock);
  const delays: number[] = [];
  const append = async (packId: string, bytes: Uint8Array) => {
    await turns(delays.shift() ?? 0);
    await backend.rawLog.append(packId, bytes);
  };
  return { clock, backend: { ...backend, rawLog: { ...backend.rawLog, append } }, delays };
}

interface Client {
  cursor: string;
  readonly found: Match[];
}

/** Connects again and again, and takes a number of items each time. */
async function follow(
  client: Client,
  server: { pipeline: Pipeline; isOver: boolean },
  asked: { where: string; reads: readonly number[] },
) {
  for (let i = 0; !server.isOver; i++) {
    let left = asked.reads[i % asked.reads.length] ?? 1;
    const items: AsyncIterable<TailItem> | null = server.pipeline.listen({ where: asked.where, cursor: client.cursor });
    for await (const item of items ?? []) {
      client.cursor = item.cursor;
      if (item.kind === 'match') client.found.push(JSON.parse(item.json));
      left -= 1;
      if (left <= 0) break;
    }
    await setImmediate();
  }
}

describe('a tail', () => {
  it('gives each match once over disconnects and restarts, in the order of the log', async () => {
    const seen = { matches: 0, restarts: 0, connections: 0 };
    const loses = fc.asyncProperty(steps, reads, meanings, async (all, connections, { text: where }) => {
      const { clock, backend, delays } = slowBackend();
      const server = { pipeline: lifePipeline(backend), isOver: false };
      const first = await server.pipeline.ask('tail', { where });
      const client: Client = { cursor: first.next_cursor ?? '', found: [] };
      const following = follow(client, server, { where, reads: connections });
      let sent: Promise<unknown>[] = [];
      for (const step of all) {
        clock.ms += 7;
        if (step.kind === 'wait') await turns(step.turns);
        else if (step.kind === 'send') {
          delays.push(step.turns);
          const body = new TextEncoder().encode(step.records.map(textOf).join('\n'));
          const request = { format: 'ndjson', mode: 'live', receivedMs: clock.ms, requestId: 'r' } as const;
          sent.push(server.pipeline.ingest({ ...request, body, principal: null, dryRun: false }));
          await setImmediate();
        } else {
          await Promise.all(sent);
          sent = [];
          server.pipeline.hangUp();
          // A process takes longer than a millisecond to start.
          clock.ms += 1;
          server.pipeline = lifePipeline(backend);
          seen.restarts += 1;
        }
      }
      await Promise.all(sent);
      server.isOver = true;
      server.pipeline.hangUp();
      await following;
      for (let isCurrent = false; !isCurrent; ) {
        const page = await server.pipeline.ask('tail', { where, cursor: client.cursor, limit: 2 });
        for (const match of page.matches) client.found.push(match);
        [client.cursor, isCurrent] = [page.next_cursor ?? '', page.is_current];
      }
      const { matches } = await server.pipeline.ask('find', { where, limit: 1_000 });
      expect(addressesOf(client.found)).toEqual(addressesOf(matches).reverse());
      expect(client.found.map(({ outcome }) => outcome)).toEqual(matches.map(({ outcome }) => outcome).reverse());
      seen.matches += client.found.length;
      seen.connections += connections.length;
      await backend.close();
    });
    await fc.assert(loses, fixedRuns(60));
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
    await fc.assert(loses, runs(800));
  });
});
