import { explainChangeQuestion, gapsQuestion, KitError, lagQuestion, timelineQuestion } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { checkZone, readQuery } from './read-query.ts';

const NOW = Date.UTC(2026, 2, 30, 12);
const BASE = { nowMs: NOW, timeZone: 'UTC' };

function faultOf(run: () => unknown): { code: string; path: string | undefined } | null {
  try {
    run();
    return null;
  } catch (error) {
    if (!KitError.is(error)) throw error;
    return { code: error.code, path: error.path };
  }
}
const invalidAt = (path: string) => ({ code: 'REQUEST_INVALID', path });

describe('a selection', () => {
  it('has its times read, and every field that was left out as it is meant', () => {
    expect(readQuery(lagQuestion, { by: ['day'], limit: 3 }, BASE)).toEqual({
      now: NOW,
      start_time: Number.NEGATIVE_INFINITY,
      end_time: Number.POSITIVE_INFINITY,
      as_of: undefined,
      time_zone: 'UTC',
      source: undefined,
      event_type: undefined,
      basis: 'event',
      by: ['day'],
      include_imported: false,
      late_over_ms: 7_200_000,
      worst: 10,
      limit: 3,
      cursor: undefined,
    });
  });

  it('has times in RFC 3339 with an offset, as dates and days of the zone, now, how long ago, or as a Date', () => {
    const asOf = (as_of: string | Date) => readQuery(lagQuestion, { as_of }, BASE).as_of;
    expect(asOf('1970-01-01T01:00:00.0009+01:00')).toBe(0);
    expect(asOf('2h')).toBe(NOW - 7_200_000);
    expect(asOf('now')).toBe(NOW);
    expect(asOf(new Date(NOW))).toBe(NOW);
    const berlin = { nowMs: NOW, timeZone: 'Europe/Berlin' };
    expect(
      readQuery(timelineQuestion, { entity_id: 'e', start_time: 'yesterday', end_time: 'today' }, berlin),
    ).toMatchObject({ start_time: '2026-03-28T23:00:00.000000000Z', end_time: '2026-03-29T22:00:00.000000000Z' });
    for (const as_of of [
      '20251228',
      '1735430399',
      '2025-12-28T10:00:00',
      '2025-02-30T00:00:00Z',
      'tomorrow',
      '2 h',
      '-2h',
      '2025-02-30',
      '2025-12-28T10:00:00 02:00',
      '2025-12-28 10:00:00Z',
      new Date(Number.NaN),
    ])
      expect(
        faultOf(() => asOf(as_of)),
        String(as_of),
      ).toEqual(invalidAt('/as_of'));
  });

  it('has the bounds of a report rounded up to whole milliseconds, which is exact for a half-open range of them', () => {
    const range = { start_time: '1970-01-01T00:00:00.000000001Z', end_time: '1970-01-01T00:00:00.002Z' };
    expect(readQuery(lagQuestion, range, BASE)).toMatchObject({ start_time: 1, end_time: 2 });
  });

  it.each(['report', 'timeline'])('leaves room between the start and the end of a %s', (kind) => {
    const read = (range: { start_time?: string; end_time?: string }) =>
      kind === 'report'
        ? readQuery(lagQuestion, range, BASE)
        : readQuery(timelineQuestion, { entity_id: 'e', ...range }, BASE);
    const start_time = '2025-12-28T10:00:00Z';
    for (const range of [
      { start_time, end_time: '2025-12-28T11:00:00+01:00' },
      { start_time, end_time: '2025-12-28T09:59:59.999Z' },
      { start_time: 'x' },
    ])
      expect(faultOf(() => read(range))).toEqual(invalidAt('/start_time'));
    expect(faultOf(() => read({ end_time: 'x' }))).toEqual(invalidAt('/end_time'));
    expect(faultOf(() => read({ start_time, end_time: '2025-12-28T10:00:00.001Z' }))).toBeNull();
  });

  it('has the times of a timeline compared to the nanosecond', () => {
    const start_time = '2025-12-28T10:00:00.000000001Z';
    const read = (end_time: string) => readQuery(timelineQuestion, { entity_id: 'e', start_time, end_time }, BASE);
    expect(read('2025-12-28T10:00:00.000000002Z').start_time).toBe(start_time);
    expect(faultOf(() => read(start_time))).toEqual(invalidAt('/start_time'));
  });

  it('has the sides of a change as versions, receive times, or now', () => {
    const value = { metric: 'm', key: 'k', window_start: new Date(0) };
    const read = (from: string | number) => readQuery(explainChangeQuestion, { ...value, from, to: 'now' }, BASE);
    expect(read(2)).toMatchObject({
      window_start: '1970-01-01T00:00:00.000Z',
      from: { kind: 'VERSION', version: 2 },
      to: { kind: 'NOW' },
    });
    expect(read('1h').from).toEqual({ kind: 'AS_OF', asOfMs: NOW - 3_600_000 });
    expect(faultOf(() => read('0'))).toEqual(invalidAt('/from'));
    expect(faultOf(() => readQuery(explainChangeQuestion, { ...value, to: 'now' }, BASE))).toEqual(invalidAt('/from'));
  });

  it('keeps the rules about several fields that its question declares', () => {
    const read = (given: Parameters<typeof readQuery<typeof gapsQuestion>>[1]) =>
      faultOf(() => readQuery(gapsQuestion, given, BASE));
    expect(read({ grain: 'hour', cadence_ms: 3_600_001 })).toEqual(invalidAt('/cadence_ms'));
    expect(read({ key: 'k' })).toEqual(invalidAt('/key'));
    expect(read({ metric: 'm' })).toEqual(invalidAt('/key'));
    expect(read({ metric: 'm', key: 'k', start_time: 'today' })).toEqual(invalidAt('/start_time'));
    expect(read({ metric: 'm', key: 'k', start_time: 'yesterday', end_time: 'today' })).toBeNull();
  });

  it('cannot have a zone that the server does not know', () => {
    expect(faultOf(() => checkZone('Mars/Olympus'))).toEqual(invalidAt('/time_zone'));
    expect(faultOf(() => checkZone())).toBeNull();
  });
});
