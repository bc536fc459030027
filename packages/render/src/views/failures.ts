import { counted, type FailuresReport, failuresQuestion } from '@pik/schema';
import { barsOfFailures } from '../charts/of-failures.ts';
import { groupName, percent, shortTime } from '../format.ts';
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
import { failureName } from './failure-name.ts';
import { nothing } from './lag.ts';

/** Which source or event type fails most, ranked by the lower bound of the rate. */
export const failuresView = viewOf(failuresQuestion, view, {
  draws: true,
  verdict: { yes: 'nothing failed', no: 'there are failures', isYes: ({ failures }) => failures === 0 },
});

function view(report: FailuresReport, options: ViewOptions): View {
  const title = 'Which source or event type fails most?';
  const { groups, covered, receipts_covered, next_cursor, notes } = report;
  const more = [
    ...hiddenLine(groups.length, 'group', options),
    ...nextLine(next_cursor, counted(report.groups_total, 'group'), options),
    ...coveredLine(covered, { next_cursor, what: 'failures' }),
    ...coveredLine(receipts_covered, { next_cursor, what: 'receipts' }),
    ...noteLines(notes),
  ];
  const warned = warningBlocks(report, options);
  if (groups.length === 0)
    return { title, blocks: [nothing('Nothing failed in this range.', report), ...more, ...warned], charts: [] };
  const rows = groups
    .slice(0, options.rowsMax)
    .map((failure) => [
      groupName(failure.group) || 'unknown series',
      failureName(failure),
      failure.detail ?? '',
      failure.count,
      failure.receipts,
      `≥ ${percent(failure.share_low)}`,
      failure.is_new === true ? 'new' : '',
      shortTime(failure.last_seen),
      sampleOf(failure),
    ]);
  const head = ['', 'what', 'why', 'failures', 'of receipts', 'rate', '', 'last', 'sample'];
  return { title, blocks: [table(head, rows), ...more, ...warned], charts: barsOfFailures(report) };
}

/** Warnings about accepted receipts, which count in no rate. */
function warningBlocks({ warnings }: FailuresReport, options: ViewOptions): Block[] {
  if (warnings.length === 0) return [];
  const rows = warnings
    .slice(0, options.rowsMax)
    .map(({ source, event_type, code, detail, receipts, last_seen, sample }) => [
      [source, event_type].filter(Boolean).join(' '),
      code,
      detail ?? '',
      receipts,
      shortTime(last_seen),
      `${sample.pack_id}/${sample.line}`,
    ]);
  return [
    text('Warnings (these receipts were accepted and do not count as failures):'),
    table(['', 'what', 'why', 'receipts', 'last', 'sample'], rows),
    ...hiddenLine(warnings.length, 'warning', options),
  ];
}

/** A receipt to look at; for a failed window without an event at fault, the window. */
function sampleOf({ samples, windows }: FailuresReport['groups'][number]): string {
  const [first] = samples;
  const [window] = windows;
  if (first !== undefined) return `${first.pack_id}/${first.line}`;
  return window === undefined ? '' : `${window.metric} ${window.key} ${shortTime(window.window_start)}`;
}
