import { describe, expect, it } from 'vitest';

import { createAnnouncements } from './announcements.ts';

describe('the text of a pack', () => {
  it('is kept for followers, given once, and dropped if the pack is not admitted', () => {
    const announcements = createAnnouncements();
    announcements.keep('a', Buffer.from('nobody follows'));
    expect(announcements.take('a')).toBeNull();
    const seen: (string | null)[] = [];
    const leave = announcements.subscribe((packId) => seen.push(packId));
    const [done, failed] = [announcements.named('b'), announcements.named('c')];
    announcements.keep('b', Buffer.from('text'));
    announcements.keep('c', Buffer.from('other'));
    expect(announcements.oldestId()).toBe('b');
    announcements.admitted('b');
    done();
    failed();
    expect([
      announcements.take('b'),
      announcements.take('b'),
      announcements.take('c'),
      announcements.oldestId(),
    ]).toEqual(['text', null, null, null]);
    expect(seen).toEqual(['b', null, null]);
    announcements.keep('d', Buffer.from('text'));
    leave();
    expect(announcements.take('d')).toBeNull();
  });

  it('is not kept beyond a bound, which counts what is held only', () => {
    const announcements = createAnnouncements();
    announcements.subscribe(() => {});
    const text = 'x'.repeat(6 * 1024 * 1024);
    for (const id of ['a', 'b', 'c']) announcements.keep(id, Buffer.from(text));
    expect(['a', 'b', 'c'].map((id) => announcements.take(id) !== null)).toEqual([true, true, false]);
    announcements.keep('c', Buffer.from(text));
    expect(announcements.take('c')).toBe(text);
  });
});
