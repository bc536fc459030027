import { KitError } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { ndjson } from './ndjson.ts';

/** Lines that count how many were taken, and record whether the source was ended. */
function source(count: number, line = 'x'.repeat(999)) {
  const state = { taken: 0, ended: false };
  async function* lines() {
    try {
      for (; state.taken < count; ) {
        state.taken += 1;
        yield line;
      }
    } finally {
      state.ended = true;
    }
  }
  return { state, lines: lines() };
}

const bodyOf = async (lines: AsyncIterable<string>) => (await ndjson(lines)).body as ReadableStream<Uint8Array>;

describe('a stream of lines', () => {
  it('ends each line once, in order, whether or not the source did', async () => {
    async function* lines() {
      yield 'a';
      yield 'b\n';
      yield 'é';
    }
    expect(await new Response(await bodyOf(lines())).text()).toBe('a\nb\né\n');
    expect(await new Response(await bodyOf(source(0).lines)).text()).toBe('');
  });

  it('takes no more than is asked for', async () => {
    const { state, lines } = source(1_000_000);
    const reader = (await bodyOf(lines)).getReader();
    expect(state.taken).toBe(1);
    await reader.read();
    expect(state.taken).toBeLessThan(100);
    await reader.cancel();
    expect(state).toMatchObject({ ended: true });
    expect(state.taken).toBeLessThan(100);
  });

  it('rejects on a fault before the first line, and breaks off at a later one', async () => {
    async function* late() {
      yield 'a';
      throw new KitError('RAW_CORRUPT');
    }
    const failing = { next: () => Promise.reject(new KitError('CURSOR_INVALID')) };
    await expect(ndjson({ [Symbol.asyncIterator]: () => failing })).rejects.toThrow(KitError);
    await expect(new Response(await bodyOf(late())).text()).rejects.toThrow();
  });
});
