import type { ReplayPart, ReplayRow } from '@pik/engine';
import { LIMITS } from '@pik/schema';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { runs } from '../budget.ts';
import { makeReplayRow } from '../factories.ts';
import { all, FOREIGN_CURSORS, ODD_TEXTS, type World } from './world.ts';

const part = (rest: Partial<ReplayPart> = {}): ReplayPart => ({
  cursor: '',
  scanned: 7,
  sent: 5,
  messages: 2,
  next_cursor: null,
  ...rest,
});

const begun = { status: 'RUNNING', scanned: 0, sent: 0, messages: 0, next_cursor: null, ended_ms: null } as const;

/** A chain of parts; each starts at the cursor of the previous one. */
const chain: fc.Arbitrary<ReplayPart[]> = fc
  .array(fc.record({ scanned: fc.nat(1e5), sent: fc.nat(1e5), messages: fc.nat(1e3) }), { minLength: 1, maxLength: 5 })
  .map((figures) =>
    figures.map((sums, i) => ({
      ...sums,
      cursor: i === 0 ? '' : `cursor ${i}`,
      next_cursor: i === figures.length - 1 ? null : `cursor ${i + 1}`,
    })),
  );

/** Tests of replays and their parts. */
export function replayContract(world: () => World): void {
  /** A running replay. */
  const start = async (): Promise<ReplayRow> => world().backend.replays.create(makeReplayRow(world().newId()));

  it('G13: a replay comes back with every field, as it was asked for, after a new start as well', async () => {
    const rows = ODD_TEXTS.map((text, i) =>
      makeReplayRow(world().newId(), {
        requested_ms: i,
        requested_by: i % 2 === 0 ? null : text,
        reason: i % 3 === 0 ? null : text,
        as_of_ms: Date.UTC(2025, 11, 28) + i,
        limit: 1 + i,
        selection: {
          entity_id: text,
          source: i % 2 === 0 ? null : text,
          event_type: text,
          event_ids: null,
          start_time: null,
          end_time: '2025-12-29T00:00:00.000000001Z',
          received_from: '2025-12-28T00:00:00.000000000Z',
          received_to: null,
          metrics: i % 2 === 0 ? null : ['a', 'b'],
          include_duplicates: i % 2 === 0,
        },
      }),
    );
    const event_ids = Array.from({ length: LIMITS.replay_event_ids_max }, (_, i) => String(i).padStart(47, '0'));
    const byIds = makeReplayRow(world().newId(), { reason: 'x'.repeat(LIMITS.reason_chars_max) });
    rows.push({ ...byIds, selection: { ...byIds.selection, event_ids } });
    for (const row of rows) expect(await world().backend.replays.create(row)).toEqual({ ...row, ...begun });
    const { replays } = await world().reopen();
    for (const row of rows) expect(await replays.get(row.replay_id)).toEqual({ ...row, ...begun });
    expect(await replays.get(world().newId())).toBeNull();
  });

  it('D12, Q14: one id is one replay: of concurrent creators the first succeeds, and all get its row', async () => {
    const { replays } = world().backend;
    for (const creators of [2, 3, 16]) {
      const replayId = world().newId();
      const rows = Array.from({ length: creators }, (_, i) =>
        makeReplayRow(replayId, { reason: `reason ${i}`, limit: i + 1 }),
      );
      const given = await Promise.all(rows.map((row) => replays.create(row)));
      const standing = await replays.get(replayId);
      expect(rows.map((row) => ({ ...row, ...begun }))).toContainEqual(standing);
      for (const row of given) expect(row).toEqual(standing);
    }
  });

  it('creating a replay again does not change its progress', async () => {
    const { replays } = world().backend;
    const { replay_id } = await start();
    await replays.addPart(replay_id, part({ next_cursor: 'next' }), 5);
    const row = await replays.get(replay_id);
    expect(row).toMatchObject({ status: 'RUNNING', scanned: 7, sent: 5, messages: 2, next_cursor: 'next' });
    expect(await replays.create(makeReplayRow(replay_id, { reason: 'again' }))).toEqual(row);
    expect(await replays.get(replay_id)).toEqual(row);
  });

  it('D12, G13: parts count once, however often each is added; the last one completes', async () => {
    const { replays } = world().backend;
    const repeats = fc.array(fc.nat(4), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(chain, repeats, async (parts, again) => {
        const { replay_id } = await start();
        for (const [i, one] of parts.entries()) {
          await replays.addPart(replay_id, one, 1_000 + i);
          // Reported again later, by a caller with other counts.
          for (const n of again.filter((n) => n <= i))
            await replays.addPart(replay_id, { ...(parts[n] as ReplayPart), scanned: 1, next_cursor: 'other' }, 9_999);
          const done = parts.slice(0, i + 1);
          const sum = (name: 'scanned' | 'sent' | 'messages') => done.reduce((total, added) => total + added[name], 0);
          const ended = one.next_cursor === null;
          expect(await replays.get(replay_id)).toMatchObject({
            status: ended ? 'COMPLETE' : 'RUNNING',
            scanned: sum('scanned'),
            sent: sum('sent'),
            messages: sum('messages'),
            next_cursor: one.next_cursor,
            ended_ms: ended ? 1_000 + i : null,
          });
        }
        for (const one of parts) expect(await replays.getPart(replay_id, one.cursor)).toEqual(one);
        expect(await replays.getPart(replay_id, 'none')).toBeNull();
      }),
      runs(25),
    );
  });

  it('of equal parts added concurrently one counts, and a part counts only for its own replay', async () => {
    const { replays } = world().backend;
    const [one, other] = [await start(), await start()];
    const cursors = ['', 'a', 'b'];
    await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        replays.addPart(one.replay_id, part({ cursor: cursors[i % 3] as string, next_cursor: 'c' }), i),
      ),
    );
    expect(await replays.get(one.replay_id)).toMatchObject({ scanned: 21, sent: 15, messages: 6, status: 'RUNNING' });
    expect(await replays.get(other.replay_id)).toEqual(other);
    expect(await replays.getPart(other.replay_id, '')).toBeNull();
  });

  it('cursors of any length and form distinguish parts', async () => {
    const { replays } = world().backend;
    const { replay_id } = await start();
    const long = 'x'.repeat(4_095);
    const cursors = [`${long}a`, `${long}b`, ...ODD_TEXTS];
    for (const [i, cursor] of cursors.entries())
      await replays.addPart(replay_id, part({ cursor, scanned: i, next_cursor: `${long}${i % 10}` }), i);
    for (const [i, cursor] of cursors.entries())
      expect(await replays.getPart(replay_id, cursor)).toEqual(
        part({ cursor, scanned: i, next_cursor: `${long}${i % 10}` }),
      );
  });

  it('Q19: cancelling ends a running replay, once; a complete replay stays complete', async () => {
    const { replays } = world().backend;
    const running = await start();
    const cancelled = { ...running, status: 'CANCELLED', ended_ms: 77 };
    expect(await replays.cancel(running.replay_id, 77)).toEqual(cancelled);
    expect(await replays.cancel(running.replay_id, 99)).toEqual(cancelled);
    expect(await replays.get(running.replay_id)).toEqual(cancelled);
    const { replay_id } = await start();
    await replays.addPart(replay_id, part(), 50);
    const complete = await replays.get(replay_id);
    expect(complete).toMatchObject({ status: 'COMPLETE', ended_ms: 50 });
    expect(await replays.cancel(replay_id, 99)).toEqual(complete);
    expect(await replays.cancel(world().newId(), 1)).toBeNull();
  });

  it('Q19: a part in flight when its replay was cancelled counts, and does not end the replay again', async () => {
    const { replays } = world().backend;
    const { replay_id } = await start();
    await replays.cancel(replay_id, 77);
    await replays.addPart(replay_id, part({ next_cursor: 'next' }), 88);
    await replays.addPart(replay_id, part({ cursor: 'next', next_cursor: null }), 99);
    expect(await replays.get(replay_id)).toMatchObject({
      status: 'CANCELLED',
      ended_ms: 77,
      scanned: 14,
      sent: 10,
      messages: 4,
    });
  });

  it('Q19: of a cancel and a last part at the same time one ends the replay, and both callers learn which', async () => {
    const { replays } = world().backend;
    for (let i = 0; i < 8; i++) {
      const { replay_id } = await start();
      const calls = [() => replays.cancel(replay_id, 77), () => replays.addPart(replay_id, part(), 88)];
      await Promise.all((i % 2 === 0 ? calls : calls.toReversed()).map((call) => call()));
      const row = await replays.get(replay_id);
      expect([row?.status, row?.ended_ms]).toEqual(row?.status === 'COMPLETE' ? ['COMPLETE', 88] : ['CANCELLED', 77]);
      expect(row?.sent).toBe(5);
    }
  });

  it('replays are listed latest first, each with its current state, page by page', async () => {
    const { backend, opened, newId } = world();
    const rows: ReplayRow[] = [];
    for (let i = 0; i < 23; i++) {
      const requested_ms = opened.clock.now();
      rows.unshift(await backend.replays.create(makeReplayRow(newId(), { requested_ms, reason: `${i}` })));
      // Some in one millisecond, some a day apart.
      opened.clock.ms += i % 4 === 0 ? 86_400_000 : 0;
    }
    await backend.replays.cancel(rows[4]?.replay_id as string, 5);
    await backend.replays.addPart(rows[9]?.replay_id as string, part(), 6);
    const now = await Promise.all(rows.map(({ replay_id }) => backend.replays.get(replay_id)));
    for (const limit of [1, 5, 23, 1_000])
      expect(await all((cursor) => backend.replays.list({ limit, cursor }))).toEqual(now);
    expect((await backend.replays.list({ limit: 5 })).items.length).toBeLessThanOrEqual(5);
  });

  it('A10: a cursor that no listing returned is refused', async () => {
    const { replays } = world().backend;
    await start();
    for (const cursor of FOREIGN_CURSORS)
      await expect(replays.list({ limit: 5, cursor })).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
  });
}
