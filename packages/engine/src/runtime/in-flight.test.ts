import { KitError } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { v7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { ingest } from '../ingest/ingest.ts';
import { sweep } from '../ingest/sweep.ts';
import { createContext } from './context.ts';
import { createInFlight } from './in-flight.ts';

const START = Date.UTC(2026, 0, 5);
const packAt = (msecs: number) => v7({ msecs });

describe('work in flight', () => {
  it('is as old as its oldest entry, for any number of entries', () => {
    const inFlight = createInFlight();
    expect(inFlight.oldestMs()).toBe(Number.POSITIVE_INFINITY);
    // More than a call can have arguments.
    for (let n = 0; n < 200_000; n++) inFlight.hold(Symbol('request'), START + n);
    expect(inFlight.oldestMs()).toBe(START);
  });

  it('groups doubtful packs by the minute until the whole minute is swept', () => {
    const inFlight = createInFlight();
    for (let n = 0; n < 10_000; n++) {
      const packId = packAt(START + n * 10);
      inFlight.hold(packId, START + n * 10 - 5);
      inFlight.doubt(packId);
    }
    expect(inFlight.size).toBe(2);
    expect(inFlight.oldestMs()).toBe(START - 5);
    inFlight.releaseStored({ fromMs: 0, toMs: START + 30_000 });
    expect(inFlight.oldestMs()).toBe(START - 5);
    inFlight.releaseStored({ fromMs: 0, toMs: START + 60_000 });
    expect(inFlight.oldestMs()).toBe(START + 60_000 - 5);
    inFlight.releaseStored({ fromMs: 0, toMs: START + 120_000 });
    expect([inFlight.size, inFlight.oldestMs()]).toEqual([0, Number.POSITIVE_INFINITY]);
  });
});

describe('a request that storage refuses', () => {
  const clock = createTestClock(START);
  const backend = createMemoryBackend(clock);
  const body = new TextEncoder().encode(
    JSON.stringify({ source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-04T00:00:00Z', payload: {} }),
  );
  const send = (context: ReturnType<typeof createContext>) => {
    const request = { format: 'json', mode: 'live', receivedMs: clock.now(), requestId: 'r', principal: null } as const;
    return ingest(context, { body, dryRun: false, ...request });
  };
  const over = (append: (packId: string, bytes: Uint8Array) => Promise<void>) =>
    createContext({ backend: { ...backend, rawLog: { ...backend.rawLog, append } } });

  it('for lack of space leaves nothing in flight, since no receipt of it can still come', async () => {
    const context = over(() => Promise.reject(new KitError('STORAGE_FULL')));
    for (let n = 0; n < 3; n++) {
      clock.ms += 1;
      await expect(send(context)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    }
    expect([context.inFlight.size, context.inFlight.oldestMs()]).toEqual([0, Number.POSITIVE_INFINITY]);
  });

  it('for lack of space although its pack was stored stays in flight until it is swept', async () => {
    const context = over(async (packId, bytes) => {
      await backend.rawLog.append(packId, bytes);
      throw new KitError('STORAGE_FULL');
    });
    await expect(send(context)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    expect(context.inFlight.oldestMs()).toBe(clock.ms);
    await sweep(context, { minAgeMs: 0, lookBackMs: 60_000 });
    expect(context.inFlight.oldestMs()).toBe(Number.POSITIVE_INFINITY);
  });

  it('for an unknown reason stays in flight, and many such requests take no more memory than one', async () => {
    const context = over(() => Promise.reject(new KitError('RAW_LOG_UNAVAILABLE')));
    clock.ms = START + 3_600_000;
    for (let n = 0; n < 100; n++) await expect(send(context)).rejects.toMatchObject({ code: 'RAW_LOG_UNAVAILABLE' });
    expect([context.inFlight.size, context.inFlight.oldestMs()]).toEqual([1, clock.ms]);
  });
});

describe('the oldest pack in flight', () => {
  it('is the least id that is held or doubtful, whatever requests wait', () => {
    const inFlight = createInFlight();
    inFlight.hold(Symbol('request'), 0);
    expect(inFlight.oldestPackId()).toBeNull();
    const ids = [0, 1, 2].map((i) => packAt(START + i * 1_000));
    for (const id of ids.toReversed()) inFlight.hold(id, START);
    expect(inFlight.oldestPackId()).toBe(ids[0]);
    inFlight.doubt(ids[1] as string);
    inFlight.doubt(ids[0] as string);
    expect(inFlight.oldestPackId()).toBe(ids[0]);
    inFlight.releaseStored({ fromMs: START, toMs: START + 1_500 });
    expect(inFlight.oldestPackId()).toBe(ids[2]);
  });
});
