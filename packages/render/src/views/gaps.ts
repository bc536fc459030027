import { counted, type GapsReport, gapsQuestion } from '@pik/schema';

import { gapCalendars } from '../charts/of-gaps.ts';
import { groupName, percent, shortTime } from '../format.ts';
import { viewOf } from '../question-view.ts';
import { type Block, hiddenLine, nextLine, table, text, type View, type ViewOptions } from '../view.ts';
import { coverageLines, nothing } from './lag.ts';

/** Which days or windows are missing, and why. */
export const gapsView = viewOf(gapsQuestion, view, {
  draws: true,
  verdict: {
    yes: 'nothing is missing',
    no: 'there are gaps',
    isYes: ({ gaps }) => gaps.every(({ state }) => state === 'PENDING'),
  },
});

function view(report: GapsReport, options: ViewOptions): View {
  const { gaps, series, grain, time_zone } = report;
  const judged = series.filter(({ model }) => model !== 'CANNOT_BE_JUDGED').length;
  const blocks: Block[] = [
    ...gapBlocks(report, { judged, options }),
    ...series.slice(0, options.rowsMax).flatMap(seriesLines),
    text(`${counted(judged, 'series', 'series')} judged by ${grain}s of ${time_zone}.`),
    ...coverageLines(report),
  ];
  return {
    title: `Which ${grain}s are missing, and why?`,
    blocks,
    charts: gaps.length === 0 ? [] : gapCalendars(report),
  };
}

function gapBlocks(report: GapsReport, { judged, options }: { judged: number; options: ViewOptions }): Block[] {
  const { gaps, grain, gaps_total, next_cursor } = report;
  const next = nextLine(next_cursor, counted(gaps_total, 'gap'), options);
  if (gaps.length === 0)
    return [
      judged > 0 ? text('No window is missing.') : nothing('No series of this range can be judged.', report),
      ...next,
    ];
  const rows = gaps
    .slice(0, options.rowsMax)
    .map((gap) => [
      shortTime(gap.start_time),
      shortTime(gap.end_time),
      groupName(gap.series),
      gap.kind ?? gap.state,
      gap.windows,
      gap.count,
      causesText(gap),
      gap.findings[0]?.text ?? gap.text,
    ]);
  return [
    table(['from', 'to', 'series', '', `${grain}s`, 'events', 'cause', 'why'], rows),
    ...hiddenLine(gaps.length, 'gap', options),
    ...next,
  ];
}

/** The causes of a gap, the largest share first; with shares if there are several. */
function causesText({ cause, findings }: GapsReport['gaps'][number]): string {
  const causes = findings.filter(({ explains }) => explains !== undefined && explains.share > 0);
  if (causes.length < 2) return cause ?? '';
  // Windows of a metric each have the same cause.
  if (causes.every(({ code }) => code === cause)) return cause ?? '';
  return causes.map(({ code, explains }) => `${code} ${percent(explains?.share ?? 0)}`).join(', ');
}

/** Series that are not judged, or that need a remark besides their gaps. */
function seriesLines({ series, model, text: remark, blind_ms, silence, apart }: GapsReport['series'][number]): Block[] {
  const name = groupName(series);
  const lines: Block[] = [];
  // Undetectable gaps are part of the answer, also for a clock, of which only skips are listed.
  if (model === 'CANNOT_BE_JUDGED' || blind_ms !== null) lines.push(text(`${name}: ${remark}`));
  if (silence !== null) lines.push(text(`${name}: ${silence.text}`));
  for (const { text: lies, first_time, examples } of apart)
    lines.push(
      text(`${name}: ${lies}, ${shortTime(first_time)}${examples.length > 0 ? ` (${examples.join(', ')})` : ''}`),
    );
  return lines;
}
