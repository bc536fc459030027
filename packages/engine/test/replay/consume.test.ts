import { KitError, LIMITS } from '@pik/schema';
import { createMemoryBackend, createTestClock, type MemoryBackend } from '@pik/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ReplayQueue } from '../../src/ports/backend.ts';
import { consumeMessage, handleMessage } from '../../src/replay/consume.ts';
import { createContext } from '../../src/runtime/context.ts';

// A failing message returns after a longer delay each time, and ends as a dead letter.

let backend: MemoryBackend;
let failures: Parameters<ReplayQueue['fail']>[1][];
let calls: string[];
beforeEach(() => {
  backend = createMemoryBackend(createTestClock());
  failures = [];
  calls = [];
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.useRealTimers();
  await backend.close();
});

/** A context whose queue records its calls, with replaced methods. */
function contextWith(queue: Partial<ReplayQueue> = {}, index: Partial<MemoryBackend['index']> = {}) {
  const fail: ReplayQueue['fail'] = async (_, failure) => {
    failures.push(failure);
    return 'RETRIED';
  };
  return createContext({
    backend: {
      ...backend,
      queue: { ...backend.queue, fail, ...queue },
      index: { ...backend.index, ...index },
    },
  });
}

const message = (receives: number, body = 'no message') => ({ message_id: 'm', body, receipt: 'r', receives });

async function delays(random: number, retryDelayMs?: number): Promise<number[]> {
  vi.spyOn(Math, 'random').mockReturnValue(random);
  const context = contextWith();
  for (let receives = 1; receives <= LIMITS.message_receives_max; receives++)
    expect(await handleMessage(context, message(receives), { retryDelayMs })).toBe('RETRIED');
  return failures.splice(0).map(({ delayMs }) => delayMs);
}

describe('a message that fails', () => {
  it('returns after twice the delay of the last delivery, less up to half of it at random', async () => {
    expect(await delays(1)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
    expect(await delays(0)).toEqual([500, 1_000, 2_000, 4_000, 8_000]);
    expect(await delays(0.5, 10)).toEqual([8, 15, 30, 60, 120]);
  });

  it('returns after ten minutes at the latest', async () => {
    expect(await delays(1, 150_000)).toEqual([150_000, 300_000, 600_000, 600_000, 600_000]);
    expect(await delays(0, 400_000)).toEqual([200_000, 300_000, 300_000, 300_000, 300_000]);
  });

  it('is released with the reason, and its result is reported', async () => {
    for (const result of ['RETRIED', 'DEAD', 'LOST'] as const) {
      const context = contextWith({
        fail: async (receipt, { code }) => {
          calls.push(`${receipt} ${code}`);
          return result;
        },
      });
      expect(await handleMessage(context, message(1))).toBe(result);
    }
    expect(calls).toHaveLength(3);
    expect(new Set(calls).size).toBe(1);
  });

  it('fails if its end cannot be stored', async () => {
    const body = JSON.stringify({
      kind: 'replay',
      message_id: 'm',
      replay_id: '01890a5d-ac96-774b-bcce-b302099a8057',
      request_id: 'q',
      as_of: '2025-12-28T00:00:00.000000000Z',
      events: [],
      recompute: [],
    });
    expect(await handleMessage(contextWith(), message(1, body), { finish: async () => void calls.push('done') })).toBe(
      'DONE',
    );
    expect(calls).toEqual(['done']);
    const finish = async () => {
      throw new KitError('STORE_UNAVAILABLE', 'the queue is away');
    };
    expect(await handleMessage(contextWith(), message(1, body), { finish })).toBe('RETRIED');
    expect(failures).toMatchObject([{ code: 'STORE_UNAVAILABLE' }]);
  });
});

describe('a worker', () => {
  const receive: ReplayQueue['receive'] = async ({ max, visibilityMs }) => {
    calls.push(`receive ${max} ${visibilityMs}`);
    return [message(1)];
  };

  it('takes one message at a time, and none while the index is unavailable', async () => {
    expect(await consumeMessage(contextWith({ receive }))).toBe('RETRIED');
    expect(calls).toEqual(['receive 1 60000']);
    const ping = async () => {
      throw new KitError('INDEX_UNAVAILABLE', 'away');
    };
    await expect(consumeMessage(contextWith({ receive }, { ping }))).rejects.toMatchObject({
      code: 'INDEX_UNAVAILABLE',
    });
    expect(calls).toHaveLength(1);
    expect(await consumeMessage(contextWith())).toBe('IDLE');
  });

  it('extends the visibility of a message at each third of it, even if an extension fails, until the message ends', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    let end = () => {};
    const failing = new Promise<void>((resolve) => {
      end = resolve;
    });
    const context = contextWith({
      receive,
      extend: async (receipt, visibilityMs) => {
        calls.push(`extend ${receipt} ${visibilityMs}`);
        throw new Error('away');
      },
      fail: async () => {
        await failing;
        return 'RETRIED';
      },
    });
    const working = consumeMessage(context, { visibilityMs: 900 });
    while (calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await vi.advanceTimersByTimeAsync(299);
    expect(calls).toEqual(['receive 1 900']);
    await vi.advanceTimersByTimeAsync(1);
    await vi.advanceTimersByTimeAsync(300);
    expect(calls).toEqual(['receive 1 900', 'extend r 900', 'extend r 900']);
    end();
    expect(await working).toBe('RETRIED');
    await vi.advanceTimersByTimeAsync(900);
    expect(calls).toHaveLength(3);
  });
});
