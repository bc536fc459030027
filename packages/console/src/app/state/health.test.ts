import type { ReportOf } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { complete, failing, lag, lastEvent, missing, repeats } from './health.ts';

type LagGroup = ReportOf<'lag'>['groups'][number];
type GapSeries = ReportOf<'gaps'>['series'][number];
type Gap = ReportOf<'gaps'>['gaps'][number];
type Day = ReportOf<'completeness'>['days'][number];
type Figures = ReportOf<'duplicates'>['groups'][number]['figures'];

const HOUR = 3_600_000;
const group = (late_count: number, findings: { code: string; text: string }[] = []) =>
  ({
    group: {},
    details: null,
    findings,
    figures: { p50_ms: 1000, p95_ms: 5000, count: 1000, late_count },
  }) as unknown as LagGroup;
const series = (silence: Partial<NonNullable<GapSeries['silence']>> | null, model = 'CLOCK') =>
  ({ model, reason: 'TOO_IRREGULAR', last_time: '2026-03-01T00:00:00Z', silence }) as unknown as GapSeries;
const gap = (state: Gap['state'], cause: Gap['cause'] = null) => ({ state, windows: 3, cause }) as Gap;
const day = (share: number) =>
  ({ day: '2026-03-01', state: 'OPEN', forecast: { share, full_at: '2026-03-02T05:00:00Z' } }) as Day;
const figures = (repeat_share: number, conflicts = 0) => ({ repeat_share, conflicts }) as Figures;

describe('a cell is red, amber or plain, and says why', () => {
  it.each([
    ['lag, few late', lag(group(9), 2 * HOUR), 'plain', null],
    ['lag, 1 % late', lag(group(10), 2 * HOUR), 'warn', '1.0 % over 2 h'],
    ['lag, 10 % late', lag(group(100), 2 * HOUR), 'bad', '10.0 % over 2 h'],
    ['lag with a clock fault', lag(group(0, [{ code: 'CLOCK_AHEAD', text: '' }]), 2 * HOUR), 'bad', 'clock ahead'],
    [
      'overdue',
      lastEvent(series({ overdue: 3, longer_than_chance: null }), Date.UTC(2026, 2, 1, 5)),
      'bad',
      '3 deliveries overdue',
    ],
    [
      'silent',
      lastEvent(series({ overdue: null, longer_than_chance: true }), Date.UTC(2026, 2, 1, 5)),
      'bad',
      'silent for longer than chance',
    ],
    [
      'longest silence',
      lastEvent(series({ overdue: null, longer_than_chance: null, longest: true }), Date.UTC(2026, 2, 1, 5)),
      'warn',
      'its longest silence',
    ],
    ['no silence', lastEvent(series(null), Date.UTC(2026, 2, 1, 5)), 'plain', null],
    ['missing', missing(series(null), [gap('MISSING', 'REJECTED'), gap('PENDING')]), 'bad', 'no events, rejected'],
    ['partial', missing(series(null), [gap('PARTIAL')]), 'warn', 'too few events'],
    ['pending', missing(series(null), [gap('PENDING')]), 'plain', null],
    ['not judged', missing(series(null, 'CANNOT_BE_JUDGED'), []), 'plain', 'too irregular'],
    ['failing, nothing', failing(0, 100), 'plain', null],
    ['failing, some', failing(1, 1000), 'warn', '0.1 % of receipts'],
    ['failing, 1 %', failing(10, 1000), 'bad', '1.0 % of receipts'],
    ['repeats in a storm', repeats(figures(0.01), 1), 'bad', 'a storm'],
    ['repeats with conflicts', repeats(figures(0.01, 2), 0), 'warn', '2 conflicts'],
    ['many repeats', repeats(figures(0.05), 0), 'warn', 'of receipts'],
    ['few repeats', repeats(figures(0.049), 0), 'plain', null],
    ['a day that goes on', complete([day(0.3)], Date.UTC(2026, 2, 1, 9)), 'plain', '99 % by 2026-03-02 05:00'],
    ['a day that has ended', complete([day(0.3)], Date.UTC(2026, 2, 2, 1)), 'bad', '99 % by 2026-03-02 05:00'],
    ['a day that is nearly there', complete([day(0.9)], Date.UTC(2026, 2, 2, 1)), 'plain', '99 % by 2026-03-02 05:00'],
  ] as const)('%s', (_, verdict, look, why) => expect([verdict.look, verdict.why]).toEqual([look, why]));
});
