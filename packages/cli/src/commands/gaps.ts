import { type CompletenessReport, durationText, type GapsReport } from '@pik/schema';
import type { GapsSelection } from '@pik/sdk/investigator';

import { investigator, print } from '../session.ts';
import { counted, percent, printable, shortTime, table } from '../terminal.ts';
import { groupName, type ReportOptions, ROWS_MAX, selection } from './report-options.ts';

/** Which windows, by which calendar. */
export interface GapsOptions extends ReportOptions {
  readonly entity?: string;
  readonly metric?: string;
  readonly key?: string;
  readonly grain?: 'minute' | 'hour' | 'day';
  readonly timeZone?: string;
  readonly cadenceMs?: string;
}

/** Which windows are missing; true when none is. */
export async function gaps(options: GapsOptions): Promise<boolean> {
  const report = await investigator(options).gaps({
    ...seriesSelection(options),
    entity_id: options.entity,
    metric: options.metric,
    key: options.key,
    grain: options.grain,
    time_zone: options.timeZone,
    cadence_ms: options.cadenceMs === undefined ? undefined : Number(options.cadenceMs),
  });
  print(options, report, () => gapsText(report));
  return report.gaps.every(({ state }) => state === 'PENDING');
}

function seriesSelection(options: ReportOptions) {
  const { by, ...rest } = selection(options);
  return { ...rest, by: by as GapsSelection['by'] };
}

/** A gap report for a person. */
export function gapsText(report: GapsReport): string {
  const lines: string[] = [];
  if (report.gaps.length > 0) {
    const rows = report.gaps
      .slice(0, ROWS_MAX)
      .map((gap) => [
        shortTime(gap.start_time),
        shortTime(gap.end_time),
        groupName(gap.series),
        gap.state,
        gap.windows,
        gap.count,
        gap.cause ?? '',
        gap.findings[0]?.text ?? '',
      ]);
    lines.push(table(['from', 'to', 'series', '', report.grain, 'events', 'cause', 'why'], rows));
  } else lines.push(isJudged(report) ? 'No window is missing.' : 'No series of this range can be judged.');
  const hidden = report.gaps.length - ROWS_MAX;
  if (hidden > 0) lines.push(`and ${hidden} more gaps (--json has all)`);
  for (const { series, model, text, silence } of report.series.slice(0, ROWS_MAX)) {
    if (model === 'TOO_LITTLE_HISTORY') lines.push(`${printable(groupName(series))}: ${text}`);
    if (silence !== null) lines.push(`${printable(groupName(series))}: ${silence.text}`);
  }
  const judged = report.series.filter(({ model }) => model !== 'TOO_LITTLE_HISTORY').length;
  lines.push(`${counted(judged, 'series').replace(/ss$/, 's')} judged by ${report.grain}s of ${report.time_zone}.`);
  return [...lines, ...report.notes.map((note) => `note: ${note}`)].join('\n');
}

function isJudged({ series }: GapsReport): boolean {
  return series.some(({ model }) => model !== 'TOO_LITTLE_HISTORY');
}

/** How complete each event day is. */
export async function completeness(options: ReportOptions): Promise<void> {
  const { basis, ...rest } = seriesSelection(options);
  const report = await investigator(options).completeness(rest);
  print(options, report, () => completenessText(report));
}

/** A completeness report for a person. */
export function completenessText(report: CompletenessReport): string {
  if (report.days.length === 0) return 'No event day lies in this range.';
  const marks = report.days[0]?.arrived ?? [];
  const head = ['day', 'series', 'events', ...marks.map(({ after_ms }) => `+${durationText(after_ms)}`), 'forecast'];
  const rows = report.days
    .slice(-ROWS_MAX)
    .map((day) => [
      day.day,
      groupName(day.series) || 'all',
      day.events,
      ...day.arrived.map(({ share }) => (share === null ? '' : percent(share))),
      forecastText(day),
    ]);
  const hidden = report.days.length - ROWS_MAX;
  const more = hidden > 0 ? [`and ${hidden} earlier days (--json has all)`] : [];
  return [table(head, rows), ...more, ...report.notes.map((note) => `note: ${note}`)].join('\n');
}

function forecastText({ state, forecast }: CompletenessReport['days'][number]): string {
  if (state === 'CLOSED') return '';
  if (forecast === null) return 'too few closed days';
  const until = forecast.full_at === null ? '' : `, 99 % at ${shortTime(forecast.full_at)}`;
  return `${percent(forecast.share)} there, about ${forecast.events ?? '?'} in the end${until}`;
}
