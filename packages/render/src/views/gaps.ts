import type { GapsReport } from '@pik/schema';
import { counted } from '@pik/schema';

import { gapCalendars } from '../charts/of-gaps.ts';
import { groupName, shortTime } from '../format.ts';
import { type Block, hiddenLine, nextLine, noteLines, table, text, type View, type ViewOptions } from '../view.ts';
import { nothing } from './lag.ts';

/** Which days or windows are missing, and why. */
export function gapsView(report: GapsReport, options: ViewOptions): View {
  const { gaps, series, grain, time_zone, notes } = report;
  const judged = series.filter(({ model }) => model !== 'TOO_LITTLE_HISTORY').length;
  const blocks: Block[] = [
    ...gapBlocks(report, { judged, options }),
    ...series.slice(0, options.rowsMax).flatMap(seriesLines),
    text(`${counted(judged, 'series', 'series')} judged by ${grain}s of ${time_zone}.`),
    ...noteLines(notes),
  ];
  return {
    title: `Which ${grain}s are missing, and why?`,
    blocks,
    charts: gaps.length === 0 ? [] : gapCalendars(report),
  };
}

function gapBlocks(report: GapsReport, { judged, options }: { judged: number; options: ViewOptions }): Block[] {
  const { gaps, grain, gaps_total, next_cursor } = report;
  if (gaps.length === 0)
    return [judged > 0 ? text('No window is missing.') : nothing('No series of this range can be judged.', report)];
  const rows = gaps
    .slice(0, options.rowsMax)
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
  return [
    table(['from', 'to', 'series', '', `${grain}s`, 'events', 'cause', 'why'], rows),
    ...hiddenLine(gaps.length, 'gap', options),
    ...nextLine(next_cursor, counted(gaps_total, 'gap'), options),
  ];
}

function seriesLines({ series, model, text: said, silence }: GapsReport['series'][number]): Block[] {
  const lines: Block[] = [];
  if (model === 'TOO_LITTLE_HISTORY') lines.push(text(`${groupName(series)}: ${said}`));
  if (silence !== null) lines.push(text(`${groupName(series)}: ${silence.text}`));
  return lines;
}
