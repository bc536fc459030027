import { KitError, type RouteName } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { parseQuery } from './query.ts';
import { momentBase, readAsOf, readRange, readRangeMs } from './query-time.ts';

const parse = (name: RouteName, query: string) => parseQuery(name, `http://pik.internal/x?${query}`);

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

describe('a query', () => {
  it('is read by the schema of its route', () => {
    expect(parse('timeline', 'entity_id=a%20b%2Fc+d&limit=10')).toEqual({ entity_id: 'a b/c d', limit: 10 });
    expect(parse('ingest', 'dry_run=true')).toEqual({ dry_run: true });
    expect(parse('ingest', 'dry_run=false')).toEqual({ dry_run: false });
    expect(parse('lag', 'by=source,day&include_imported=true')).toEqual({
      by: ['source', 'day'],
      include_imported: true,
    });
    expect(parse('ingest', '')).toEqual({});
    expect(parse('ingest', '&')).toEqual({});
    expect(parseQuery('ingest', 'http://pik.internal/x')).toEqual({});
    expect(parseQuery('ingest', 'http://pik.internal/x?dry_run=true#dry_run=false')).toEqual({ dry_run: true });
  });

  it.each<[RouteName, string, string]>([
    ['timeline', '', '/entity_id'],
    ['timeline', 'entity_id=', '/entity_id'],
    ['timeline', 'entity_id=a&limit=0', '/limit'],
    ['timeline', 'entity_id=a&limit=-5', '/limit'],
    ['timeline', 'entity_id=a&limit=abc', '/limit'],
    ['timeline', 'entity_id=a&limit=1.5', '/limit'],
    ['timeline', 'entity_id=a&limit=1e3', '/limit'],
    ['timeline', 'entity_id=a&limit=1001', '/limit'],
    ['timeline', 'entity_id=a&limit=', '/limit'],
    ['timeline', 'entity_id=a&entity_id=b', '/entity_id'],
    ['timeline', 'entity_id=a&include=raw', '/include'],
    ['timeline', 'entity_id=a&what=1', '/what'],
    ['timeline', 'entity_id=%ff', '/entity_id'],
    ['timeline', 'entity_id=%', '/entity_id'],
    ['timeline', 'entity_id=a&__proto__=1', '/__proto__'],
    ['timeline', 'entity_id=a&a%2Fb~=1', '/a~1b~0'],
    ['ingest', 'dry_run=1', '/dry_run'],
    ['ingest', 'dry_run=yes', '/dry_run'],
    ['ingest', 'dry_run=TRUE', '/dry_run'],
    ['ingest', 'dry_run', '/dry_run'],
    ['ingest', 'dryrun=true', '/dryrun'],
    ['lag', 'by=', '/by'],
    ['lag', 'by=source,entity_id', '/by'],
    ['lag', 'basis=stored', '/basis'],
    ['lag', 'late_over_ms=-1', '/late_over_ms'],
    ['healthz', 'x=1', '/x'],
    ['home', '__proto__=1', '/__proto__'],
  ])('of %s is refused where it says %s', (name, query, path) => {
    expect(faultOf(() => parse(name, query))).toEqual(invalidAt(path));
  });
});

const NOW = Date.UTC(2026, 2, 30, 12);
const BASE = { nowMs: NOW, timeZone: 'UTC' };

describe('times of a query', () => {
  it('are RFC 3339 with an offset, dates and days of the zone, now, or how long ago', () => {
    expect(readAsOf({ as_of: '1970-01-01T01:00:00.0009+01:00' }, BASE)).toBe(0);
    expect(readAsOf({}, BASE)).toBeNull();
    expect(readAsOf({ as_of: '2h' }, BASE)).toBe(NOW - 7_200_000);
    expect(readAsOf({ as_of: 'now' }, BASE)).toBe(NOW);
    const berlin = { nowMs: NOW, timeZone: 'Europe/Berlin' };
    expect(readRange({ start_time: 'yesterday', end_time: 'today' }, berlin)).toEqual({
      start_time: '2026-03-28T23:00:00.000000000Z',
      end_time: '2026-03-29T22:00:00.000000000Z',
    });
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
    ]) {
      expect(
        faultOf(() => readAsOf({ as_of }, BASE)),
        as_of,
      ).toEqual(invalidAt('/as_of'));
    }
  });

  it('round bounds up to whole milliseconds, which is exact for a half-open range of them', () => {
    expect(
      readRangeMs({ start_time: '1970-01-01T00:00:00.000000001Z', end_time: '1970-01-01T00:00:00.002Z' }, BASE),
    ).toEqual({ fromMs: 1, toMs: 2 });
    expect(readRangeMs({}, BASE)).toEqual({ fromMs: null, toMs: null });
  });

  it.each([readRangeMs, readRange])('must leave room between start and end', (readIn) => {
    const read = (query: Parameters<typeof readRange>[0]) => readIn(query, BASE);
    const at = '2025-12-28T10:00:00Z';
    expect(faultOf(() => read({ start_time: at, end_time: '2025-12-28T11:00:00+01:00' }))).toEqual(
      invalidAt('/start_time'),
    );
    expect(faultOf(() => read({ start_time: at, end_time: '2025-12-28T09:59:59.999Z' }))).toEqual(
      invalidAt('/start_time'),
    );
    expect(faultOf(() => read({ start_time: 'x' }))).toEqual(invalidAt('/start_time'));
    expect(faultOf(() => read({ end_time: 'x' }))).toEqual(invalidAt('/end_time'));
    expect(faultOf(() => read({ start_time: at, end_time: '2025-12-28T10:00:00.001Z' }))).toBeNull();
  });

  it('of a timeline are compared to the nanosecond', () => {
    const start_time = '2025-12-28T10:00:00.000000001Z';
    expect(readRange({ start_time, end_time: '2025-12-28T10:00:00.000000002Z' }, BASE).start_time).toBe(start_time);
    expect(faultOf(() => readRange({ start_time, end_time: start_time }, BASE))).toEqual(invalidAt('/start_time'));
  });

  it('count from the first page of a report, and refuse a zone that the server does not know', () => {
    const pipeline = { nowOf: (cursor: string | null) => (cursor === null ? NOW : NOW - 1_000) };
    expect(momentBase(pipeline, {})).toEqual(BASE);
    expect(momentBase(pipeline, { time_zone: 'Asia/Tokyo' }, 'a cursor')).toEqual({
      nowMs: NOW - 1_000,
      timeZone: 'Asia/Tokyo',
    });
    expect(faultOf(() => momentBase(pipeline, { time_zone: 'Mars/Olympus' }))).toEqual(invalidAt('/time_zone'));
  });
});
