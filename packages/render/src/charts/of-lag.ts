import { durationText, type LagReport, MS_PER_DAY, MS_PER_HOUR, parseTime } from '@pik/schema';

import { groupName } from '../format.ts';
import type { Chart } from './chart.ts';

/** Number of series, and of hours or days, that fit into a chart. */
const ROWS_MAX = 30;
const COLUMNS_MAX = 366;
const BARS_MAX = 20;

type Group = LagReport['groups'][number];

/** Delay by series and hour or day; null if the report has other groups. */
export function heatMap({ groups, range }: LagReport): Chart[] | null {
  const grain = groups.some(({ group }) => group.hour !== undefined) ? 'hour' : 'day';
  const timed = groups.flatMap((group) => {
    const ms = timeOf(group, grain);
    return ms === null ? [] : [{ ...group, ms, name: seriesOf(group) }];
  });
  if (timed.length === 0) return null;
  const stepMs = grain === 'hour' ? MS_PER_HOUR : MS_PER_DAY;
  const lastMs = timed.reduce((last, { ms }) => Math.max(last, ms), Number.NEGATIVE_INFINITY);
  const oldestMs = timed.reduce((first, { ms }) => Math.min(first, ms), lastMs);
  const firstMs = Math.max(oldestMs, lastMs - (COLUMNS_MAX - 1) * stepMs);
  // Groups are ranked by their share of the delay, so the first rows matter most.
  const all = [...new Set(timed.map(({ name }) => name))];
  const rows = all.slice(0, ROWS_MAX);
  const columns = Array.from({ length: (lastMs - firstMs) / stepMs + 1 }, (_, i) => label(firstMs + i * stepMs, grain));
  const cells = timed
    .filter(({ ms, name }) => ms >= firstMs && rows.includes(name))
    .map(({ ms, name, figures }) => ({
      row: rows.indexOf(name),
      column: (ms - firstMs) / stepMs,
      p90_ms: figures.p90_ms,
    }));
  const cut = [
    ...(all.length > rows.length ? [`${rows.length} of ${all.length} series`] : []),
    ...(firstMs > oldestMs ? [`the last ${COLUMNS_MAX} ${grain}s`] : []),
  ];
  const title = `p90 of the lag by ${grain} of ${range.basis === 'event' ? 'event time' : 'receipt'}, UTC`;
  return [{ kind: 'heat-map', title: [title, ...cut].join('; '), rows, columns, cells }];
}

function timeOf({ group }: Group, grain: 'hour' | 'day'): number | null {
  const text = grain === 'hour' ? group.hour : group.day;
  if (text === undefined) return null;
  return parseTime(grain === 'hour' ? text.replace(':00Z', ':00:00Z') : `${text}T00:00:00Z`)?.epoch_ms ?? null;
}

function label(ms: number, grain: 'hour' | 'day'): string {
  const text = new Date(ms).toISOString();
  return grain === 'hour' ? `${text.slice(0, 10)} ${text.slice(11, 13)}h` : text.slice(0, 10);
}

function seriesOf({ group: { hour, day, ...series } }: Group): string {
  return groupName(series) || 'all';
}

/** Shares of the total delay, largest first. */
export function barsOfLag({ groups }: LagReport): Chart[] {
  if (groups.length < 2) return [];
  const rows = groups.slice(0, BARS_MAX).map(({ group, figures }) => ({
    name: groupName(group),
    values: [figures.delay_share * 100],
    label: `${(figures.delay_share * 100).toFixed(1)} %, p90 ${durationText(figures.p90_ms)}`,
  }));
  return [{ kind: 'bars', title: 'Share of the total delay, in percent', parts: ['delay'], rows }];
}
