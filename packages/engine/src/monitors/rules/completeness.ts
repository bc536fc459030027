import {
  type CompletenessMonitor,
  type CompletenessReport,
  counted,
  dateIn,
  durationText,
  MONITOR_DEFAULTS,
  MS_PER_DAY,
  windowOfDate,
} from '@pik/schema';
import { commandOf, type Finding, groupOf, type Judgement, seriesName, timeOf } from './finding.ts';

type Day = CompletenessReport['days'][number];

/** How many of the same days of the week, and how many days in all, must be known before a day is compared with them. */
const SAME_DAYS_MIN = 3;
/** Standard deviations of a count of independent events by which a day must be below the usual. */
const DEVIATIONS = 3;

interface Judging {
  readonly monitor: CompletenessMonitor;
  readonly nowMs: number;
  readonly timeZone: string;
  readonly shareMin: number;
}

/**
 * Days that have ended and are forecast to stay below the usual of their day of the week, and below every one of those known. A day
 * without an event counts as 0.
 */
export function judgeCompleteness(
  monitor: CompletenessMonitor,
  { days, partial }: Pick<CompletenessReport, 'days' | 'partial'>,
  nowMs: number,
): Judgement {
  const { time_zone: timeZone = 'UTC', share_min: shareMin = MONITOR_DEFAULTS.completeness_share_min } = monitor;
  const bySeries = new Map<string, Day[]>();
  for (const day of days) {
    const name = seriesName(day.series);
    const known = bySeries.get(name);
    if (known === undefined) bySeries.set(name, [day]);
    else known.push(day);
  }
  const judging = { monitor, nowMs, timeZone, shareMin };
  const findings = [...bySeries.values()].flatMap((own) => judgeSeries(own, judging));
  return { findings, isOver: () => !partial };
}

function judgeSeries(days: readonly Day[], judging: Judging): Finding[] {
  const { monitor, nowMs, timeZone } = judging;
  const { after_ms = MONITOR_DEFAULTS.completeness_after_ms } = monitor;
  const known = new Map(days.map((day) => [day.day, day]));
  const first = days.map(({ day }) => day).sort()[0] ?? '';
  const closedBelow =
    days
      .filter(({ state }) => state === 'CLOSED')
      .map(({ day }) => day)
      .sort()
      .at(-1) ?? '';
  const closed = datesBack(nowMs, timeZone).filter((date) => date >= first && date <= closedBelow);
  return datesBack(nowMs, timeZone).flatMap((date) => {
    const day = windowOfDate(date, timeZone);
    if (date <= closedBelow || day === null || day.end_ms + after_ms > nowMs) return [];
    const same = closed
      .filter((other) => weekdayOf(other) === weekdayOf(date))
      .map((other) => known.get(other)?.events ?? 0);
    return dayFinding({ date, row: known.get(date), same, series: days[0]?.series ?? {} }, judging);
  });
}

/** The last dates, the latest first. */
function datesBack(nowMs: number, timeZone: string): string[] {
  const count = MONITOR_DEFAULTS.completeness_history_ms / MS_PER_DAY;
  const dates = Array.from({ length: count }, (_, i) => dateIn(timeZone, nowMs - (i + 1) * MS_PER_DAY));
  return [...new Set(dates)];
}

function weekdayOf(date: string): number {
  return new Date(`${date}T12:00:00Z`).getUTCDay();
}

function dayFinding(
  { date, row, same, series }: { date: string; row: Day | undefined; same: readonly number[]; series: Day['series'] },
  { nowMs, shareMin, timeZone }: Judging,
): Finding[] {
  if (same.length < SAME_DAYS_MIN) return [];
  const sorted = same.toSorted((a, b) => a - b);
  const usual = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
  const events = row?.events ?? 0;
  const expected = row?.forecast?.events ?? events;
  const isLow = expected < usual * shareMin - DEVIATIONS * Math.sqrt(usual) && expected < (sorted[0] ?? 0);
  if (!isLow) return [];
  const { source, event_type } = series;
  const scope = {
    source,
    event_type,
    start_time: timeOf(nowMs - MONITOR_DEFAULTS.completeness_history_ms),
    as_of: timeOf(nowMs),
  };
  const endMs = windowOfDate(date, timeZone)?.end_ms ?? nowMs;
  const name = seriesName(series);
  const at = `${counted(events, 'event')} of ${date}, ${durationText(nowMs - endMs)} after its end`;
  return [
    {
      subject: `${name} ${date}`,
      group: groupOf({ source, event_type, day: date }),
      sentence: `${name}: ${at}; the forecast is ${expected.toLocaleString('en-US')} instead of the usual ${usual.toLocaleString('en-US')}.`,
      since: timeOf(endMs),
      command: commandOf('completeness', { ...scope, by: ['source', 'event_type'], time_zone: timeZone }),
      page: { path: '/completeness', fields: { source, type: event_type, from: scope.start_time, as_of: scope.as_of } },
    },
  ];
}
