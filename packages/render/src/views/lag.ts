import {
  counted,
  durationText,
  type LagReport,
  lagQuestion,
  MS_PER_DAY,
  parseMoment,
  type SelectionOf,
} from '@pik/schema';

import { barsOfLag, heatMap } from '../charts/of-lag.ts';
import { type Cell, grouped, groupName, percent } from '../format.ts';
import { viewOf } from '../question-view.ts';
import {
  type Block,
  coveredLine,
  hiddenLine,
  nextLine,
  noteLines,
  table,
  text,
  type View,
  type ViewOptions,
} from '../view.ts';

/** Where data is delayed. */
export const lagView = viewOf(lagQuestion, view, {
  draws: true,
  forPicture: heatMapGroups,
});

/** Rows next to a picture that has all of them as cells. */
const ROWS_BESIDE_PICTURE = 20;

function view(report: LagReport, given: ViewOptions): View {
  const map = heatMap(report);
  const isInPicture = given.isDrawn === true && map !== null;
  const options = isInPicture ? { ...given, rowsMax: Math.min(given.rowsMax, ROWS_BESIDE_PICTURE) } : given;
  const title = 'Where is data delayed?';
  const { total, groups } = report;
  const more = [
    ...nextLine(report.next_cursor, counted(report.groups_total, 'group'), options),
    ...coverageLines(report),
  ];
  if (total === null)
    return { title, blocks: [nothing('No first arrivals in this range.', report), ...more], charts: [] };
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
  const rows = groups.slice(0, options.rowsMax).map(({ group, figures }) => row(groupName(group), figures));
  const late = `over ${durationText(report.late_over_ms)}`;
  const head = ['', 'events', 'p50', 'p90', 'p99', 'max', late, 'future', 'of all delay'];
  const blocks = [
    table(head, [...rows, row('all', total)]),
    ...details(report),
    ...hiddenLine(groups.length, 'group', options),
    ...more,
  ];
  return { title, blocks, charts: map ?? barsOfLag(report) };
}

/** Longest range whose picture has a column per hour; a longer one has a column per day. */
const HOURS_DAYS_MAX = 14;

/** A picture is a heat map by source and time unless the selection names other groups. */
function heatMapGroups({
  by,
  start_time,
  end_time = 'now',
  time_zone = 'UTC',
}: SelectionOf<'lag'>): SelectionOf<'lag'> {
  if (by !== undefined) return {};
  const base = { nowMs: Date.now(), timeZone: time_zone };
  const ms = (time: string | Date) => (time instanceof Date ? time.getTime() : parseMoment(time, base)?.epoch_ms);
  const [startMs = Number.NaN, endMs = Number.NaN] = [
    start_time === undefined ? undefined : ms(start_time),
    ms(end_time),
  ];
  return { by: ['source', (endMs - startMs) / MS_PER_DAY <= HOURS_DAYS_MAX ? 'hour' : 'day'] };
}

/** Details that histograms do not contain, and clock faults. */
function details({ details: found, groups, worst }: LagReport): Block[] {
  const blocks: Block[] = [];
  if (found !== null) {
    const { series, over_all } = found.out_of_order;
    blocks.push(text(`out of order: ${grouped(series)} within their series, ${grouped(over_all)} overall`));
    for (const [name, part] of [
      ['from event to sending', found.produce],
      ['from sending to receipt', found.transport],
    ] as const)
      if (part !== null)
        blocks.push(text(`${name}: p50 ${durationText(part.p50_ms)}, p95 ${durationText(part.p95_ms)}`));
  }
  for (const { group, findings } of groups)
    for (const finding of findings) blocks.push(text(`• ${finding.code} ${groupName(group)}: ${finding.text}`));
  if (worst.length > 0) {
    const rows = worst
      .slice(0, 10)
      .map((e) => [durationText(e.lag_ms), `${e.source} ${e.event_type}`, e.entity_id, e.event_id]);
    blocks.push(text('the latest arrivals:'), table(['lag', 'series', 'entity', 'event'], rows));
  }
  return blocks;
}

/** States that there is nothing, and which filter is the reason if the whole range was read. */
export function nothing(
  sentence: string,
  { empty, covered }: Pick<LagReport, 'empty'> & { readonly covered?: LagReport['covered'] | undefined },
): Block {
  const shown = covered == null ? sentence : sentence.replace(' in this range.', ' in this part of the range.');
  return text(empty === undefined ? shown : `${shown} ${empty}`);
}

/** The covered part of a shortened report, and its notes. */
export function coverageLines({
  covered,
  next_cursor,
  notes,
}: Pick<LagReport, 'covered' | 'next_cursor' | 'notes'>): Block[] {
  return [...coveredLine(covered, { next_cursor }), ...noteLines(notes)];
}
