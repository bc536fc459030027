import { describe, expect, it } from 'vitest';

import { createArrivals } from './arrivals.ts';

describe('the text of a pack', () => {
  it('is kept for followers, given once, and dropped if the pack is not admitted', () => {
    const arrivals = createArrivals();
    arrivals.keep('a', Buffer.from('nobody follows'));
    expect(arrivals.take('a')).toBeNull();
    const seen: (string | null)[] = [];
    const leave = arrivals.subscribe((packId) => seen.push(packId));
    const [done, failed] = [arrivals.named('b'), arrivals.named('c')];
    arrivals.keep('b', Buffer.from('text'));
    arrivals.keep('c', Buffer.from('other'));
    expect(arrivals.oldestId()).toBe('b');
    arrivals.admitted('b');
    done();
    failed();
    expect([arrivals.take('b'), arrivals.take('b'), arrivals.take('c'), arrivals.oldestId()]).toEqual([
      'text',
      null,
      null,
      null,
    ]);
    expect(seen).toEqual(['b', null, null]);
    arrivals.keep('d', Buffer.from('text'));
    leave();
    expect(arrivals.take('d')).toBeNull();
  });

  it('is not kept beyond a bound, which counts what is held only', () => {
    const arrivals = createArrivals();
    arrivals.subscribe(() => {});
    const text = 'x'.repeat(6 * 1024 * 1024);
    for (const id of ['a', 'b', 'c']) arrivals.keep(id, Buffer.from(text));
    expect(['a', 'b', 'c'].map((id) => arrivals.take(id) !== null)).toEqual([true, true, false]);
    arrivals.keep('c', Buffer.from(text));
    expect(arrivals.take('c')).toBe(text);
  });
});
