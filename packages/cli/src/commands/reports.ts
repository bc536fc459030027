import { type DuplicatesReport, durationText, type LagReport } from '@pik/schema';

import { investigator, print } from '../session.ts';
import { type Cell, grouped, percent, printable, shortTime, table } from '../terminal.ts';
import { groupName, more, type ReportOptions, ROWS_MAX, selection } from './report-options.ts';

/** Where is data delayed? */
export async function lag(options: ReportOptions & { lateOverMs?: string; worst?: string }): Promise<void> {
  const late_over_ms = options.lateOverMs === undefined ? undefined : Number(options.lateOverMs);
  const report = await investigator(options).lag({
    ...selection(options),
    late_over_ms,
    worst: options.worst === undefined ? undefined : Number(options.worst),
  });
  print(options, report, () => lagText(report));
}

/** What came more than once? */
export async function duplicates(options: ReportOptions): Promise<void> {
  const report = await investigator(options).duplicates(selection(options));
  print(options, report, () => duplicatesText(report));
}

/** A lag report for a person. */
export function lagText(report: LagReport): string {
  if (report.total === null) return withImportHint('No first arrivals in this range.', report);
  const row = (name: string, f: NonNullable<LagReport['total']>): Cell[] => [
    name,
    f.count,
    durationText(f.p50_ms),
    durationText(f.p90_ms),
    durationText(f.p99_ms),
    durationText(f.max_ms),
    f.late_count,
    f.future_count,
    percent(f.delay_share),
  ];
  const rows = report.groups.slice(0, ROWS_MAX).map(({ group, figures }) => row(groupName(group), figures));
  const head = [
    '',
    'events',
    'p50',
    'p90',
    'p99',
    'max',
    `over ${durationText(report.late_over_ms)}`,
    'future',
    'of all delay',
  ];
  return [table(head, [...rows, row('all', report.total)]), ...lagLines(report), ...more(report)].join('\n');
}

/** What the histograms do not hold, and what is wrong with clocks. */
function lagLines({ details, groups, worst }: LagReport): string[] {
  const lines: string[] = [];
  if (details !== null) {
    const { series, over_all } = details.out_of_order;
    lines.push(`out of order: ${grouped(series)} within their series, ${grouped(over_all)} over all`);
    const part = (name: string, one: typeof details.produce) =>
      one === null ? [] : [`${name}: p50 ${durationText(one.p50_ms)}, p95 ${durationText(one.p95_ms)}`];
    lines.push(
      ...part('from event to sending', details.produce),
      ...part('from sending to receipt', details.transport),
    );
  }
  for (const { group, findings } of groups)
    for (const { code, text } of findings) lines.push(`• ${code} ${printable(groupName(group))}: ${text}`);
  if (worst.length > 0) {
    const rows = worst
      .slice(0, 10)
      .map((e) => [durationText(e.lag_ms), `${e.source} ${e.event_type}`, e.entity_id, e.event_id]);
    lines.push('the latest of all:', table(['lag', 'series', 'entity', 'event'], rows));
  }
  return lines;
}

/** A duplicates report for a person. */
export function duplicatesText(report: DuplicatesReport): string {
  if (report.total === null) return withImportHint('No receipts in this range.', report);
  const row = (name: string, f: NonNullable<DuplicatesReport['total']>): Cell[] => [
    name,
    f.receipts,
    f.events,
    f.duplicates,
    f.conflicts,
    f.entities,
    percent(f.repeat_share),
    f.delay_p50_ms === null ? null : durationText(f.delay_p50_ms),
  ];
  const rows = report.groups.slice(0, ROWS_MAX).map(({ group, figures }) => row(groupName(group), figures));
  const head = ['', 'receipts', 'events', 'duplicates', 'conflicts', 'entities', 'repeats', 'p50 after first'];
  const storms = report.storms.map(
    (s) =>
      `storm: ${printable(`${s.source} ${s.event_type}`)}, ${shortTime(s.start_time)} to ${shortTime(s.end_time)}: ${grouped(s.repeats)} repeats, ${percent(s.share)} where ${percent(s.usual_share)} is usual`,
  );
  return [table(head, [...rows, row('all', report.total)]), ...storms, ...more(report)].join('\n');
}

function withImportHint(text: string, { range }: Pick<LagReport, 'range'>): string {
  return range.include_imported ? text : `${text} Imported events count only with --include-imported.`;
}
