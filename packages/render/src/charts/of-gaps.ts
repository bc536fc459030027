import { createWindows, type GapsReport, MS_PER_DAY, MS_PER_HOUR, parseTime, type Window } from '@pik/schema';

import { groupName } from '../format.ts';
import type { Calendar, Chart } from './chart.ts';

/** Number of series drawn, those with the most missing windows first. */
const SERIES_MAX = 6;
/** Number of days, weeks or hours that fit into a chart. */
const ACROSS_MAX = 750;

type Grain = GapsReport['grain'];
type Gap = GapsReport['gaps'][number];

/** One calendar for each series with gaps, all of them on one axis. */
export function gapCalendars(report: GapsReport): Chart[] {
  const bySeries = new Map<string, Gap[]>();
  for (const gap of report.gaps) {
    const name = groupName(gap.series);
    bySeries.set(name, [...(bySeries.get(name) ?? []), gap]);
  }
  const count = (gaps: readonly Gap[]) => gaps.reduce((sum, { windows }) => sum + windows, 0);
  const worst = [...bySeries].sort(([, a], [, b]) => count(b) - count(a)).slice(0, SERIES_MAX);
  const axis = axisOf(report, new Map(worst));
  return worst.map(([name, gaps]) => calendar(report, { name, gaps, windows: count(gaps), axis }));
}

/** A stretch of time in milliseconds, both ends included. */
type Axis = readonly [fromMs: number, toMs: number];

const msOf = (time: string) => parseTime(time)?.epoch_ms ?? 0;
const columnsIn = ([from, to]: Axis, grain: Grain) => Math.floor((to - from) / ACROSS_MS[grain]) + 1;

/** The lives of the drawn series; if they are long, only the part with gaps. */
function axisOf({ series, grain }: GapsReport, drawn: ReadonlyMap<string, readonly Gap[]>): Axis {
  const within = (stretches: readonly Axis[], start: Axis): Axis =>
    stretches.reduce<Axis>(([low, high], [from, to]) => [Math.min(low, from), Math.max(high, to)], start);
  const gaps = within(
    [...drawn.values()].flat().map(({ start_time, end_time }): Axis => [msOf(start_time), msOf(end_time) - 1]),
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  const lives = series.filter((one) => drawn.has(groupName(one.series)));
  const whole = within(
    lives.map(({ first_time, last_time }): Axis => [msOf(first_time), msOf(last_time)]),
    gaps,
  );
  return columnsIn(whole, grain) > ACROSS_MAX ? gaps : whole;
}

function calendar(
  report: GapsReport,
  { name, gaps, windows, axis }: { name: string; gaps: readonly Gap[]; windows: number; axis: Axis },
): Calendar {
  const { grain, time_zone } = report;
  const place = createPlaces(grain, time_zone);
  // Only the end of a long axis is drawn, so no more is computed.
  const [fromMs, toMs] = axis;
  const drawnFrom = Math.max(fromMs, toMs - ACROSS_MAX * ACROSS_MS[grain]);
  const across = acrossOf(place, grain, [drawnFrom, toMs]).slice(-ACROSS_MAX);
  const columns = new Map(across.map((name, column) => [name, column]));
  const cells: Calendar['cells'][number][] = [];
  for (const { start_time, end_time, state } of gaps)
    for (const ms of windowStarts(grain, time_zone, [Math.max(msOf(start_time), drawnFrom), msOf(end_time)])) {
      const at = place(ms);
      const column = columns.get(at.across);
      if (column !== undefined) cells.push({ across: column, down: at.down, state });
    }
  const all = columnsIn(axis, grain);
  const cut = all > across.length && drawnFrom > fromMs ? `; the last ${across.length} of ${all}` : '';
  const title = `${name}: ${windows} ${grain}s of ${time_zone}${cut}`;
  return { kind: 'calendar', title, across, down: DOWN[grain], cells };
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i).padStart(2, '0'));
const DOWN: Readonly<Record<Grain, readonly string[]>> = { minute: numbers(60), hour: numbers(24), day: WEEKDAYS };
/** Width of a column in milliseconds, ignoring clock changes. */
const ACROSS_MS: Readonly<Record<Grain, number>> = { minute: MS_PER_HOUR, hour: MS_PER_DAY, day: 7 * MS_PER_DAY };
/** Half a column or less, so that a clock change cannot skip a day. */
const STEP_MS: Readonly<Record<Grain, number>> = { minute: MS_PER_HOUR / 2, hour: MS_PER_DAY / 2, day: MS_PER_DAY / 2 };

type Places = (ms: number) => { across: string; down: number };

/** The position of a time in the calendar of a zone. */
function createPlaces(grain: Grain, timeZone: string): Places {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  return (ms) => {
    const [date = '', time = ''] = format.format(ms).split(' ');
    if (grain === 'hour') return { across: date, down: Number(time.slice(0, 2)) };
    if (grain === 'minute') return { across: `${date} ${time.slice(0, 2)}h`, down: Number(time.slice(3, 5)) };
    const dayMs = Date.parse(`${date}T00:00:00Z`);
    const weekday = (new Date(dayMs).getUTCDay() + 6) % 7;
    return { across: new Date(dayMs - weekday * MS_PER_DAY).toISOString().slice(0, 10), down: weekday };
  };
}

function acrossOf(place: Places, grain: Grain, [fromMs, toMs]: readonly [number, number]): string[] {
  const found = new Set<string>();
  for (let ms = fromMs; ms < toMs; ms += STEP_MS[grain]) found.add(place(ms).across);
  found.add(place(toMs).across);
  return [...found];
}

function* windowStarts(grain: Grain, timeZone: string, [fromMs, toMs]: readonly [number, number]): Generator<number> {
  if (grain === 'minute') {
    for (let ms = fromMs; ms < toMs; ms += 60_000) yield ms;
    return;
  }
  const windows = createWindows(grain, timeZone);
  for (let at: Window = windows.at(fromMs); at.start_ms < toMs; at = windows.at(at.end_ms)) yield at.start_ms;
}
