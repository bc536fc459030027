import { describe, expect, it } from 'vitest';

import { createAnnouncements } from './announcements.ts';

const kept = (text: string) => () => ({ text: Buffer.from(text), names: [] });

describe('the text of a pack', () => {
  it('is kept for followers, given once, and dropped if the pack is not admitted', () => {
    const announcements = createAnnouncements();
    announcements.keep('a', kept('nobody follows'));
    expect(announcements.take('a')).toBeNull();
    const seen: (string | null)[] = [];
    const leave = announcements.subscribe((packId) => seen.push(packId));
    const [done, failed] = [announcements.named('b'), announcements.named('c')];
    announcements.keep('b', kept('text'));
    announcements.keep('c', kept('other'));
    expect(announcements.oldestId()).toBe('b');
    announcements.admitted('b');
    done();
    failed();
    expect([
      announcements.take('b')?.text.toString(),
      announcements.take('b'),
      announcements.take('c'),
      announcements.oldestId(),
    ]).toEqual(['text', null, null, null]);
    expect(seen).toEqual(['b', null, null]);
    announcements.keep('d', kept('text'));
    leave();
    expect(announcements.take('d')).toBeNull();
  });

  it('is not kept beyond a bound, which counts what is held only', () => {
    const announcements = createAnnouncements();
    announcements.subscribe(() => {});
    const text = 'x'.repeat(6 * 1024 * 1024);
    for (const id of ['a', 'b', 'c']) announcements.keep(id, kept(text));
    expect(['a', 'b', 'c'].map((id) => announcements.take(id) !== null)).toEqual([true, true, false]);
    announcements.keep('c', kept(text));
    expect(announcements.take('c')?.text.toString()).toBe(text);
  });
});
