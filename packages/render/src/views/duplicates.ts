import { counted, type DuplicatesReport, duplicatesQuestion, durationText } from '@pik/schema';

import { barsOfDuplicates } from '../charts/of-duplicates.ts';
import { type Cell, groupName, percent, shortTime } from '../format.ts';
import { viewOf } from '../question-view.ts';
import { type Block, hiddenLine, nextLine, table, text, type View, type ViewOptions } from '../view.ts';
import { coverageLines, nothing } from './lag.ts';

/** Events that arrived more than once. */
export const duplicatesView = viewOf(duplicatesQuestion, view, { draws: true });

function view(report: DuplicatesReport, options: ViewOptions): View {
  const title = 'What came more than once?';
  const { total, groups, storms } = report;
  const more = [...nextLine(report.next_cursor, pagedText(report), options), ...coverageLines(report)];
  if (total === null) return { title, blocks: [nothing('No receipts in this range.', report), ...more], charts: [] };
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
  const rows = groups.slice(0, options.rowsMax).map(({ group, figures }) => row(groupName(group), figures));
  const head = ['', 'receipts', 'events', 'duplicates', 'conflicts', 'entities', 'repeats', 'p50 after first'];
  const blocks = [
    table(head, [...rows, row('all', total)]),
    ...storms.map((storm) => text(stormLine(storm))),
    ...hiddenLine(groups.length, 'group', options),
    ...repeatedBlocks(report, options),
    ...more,
  ];
  return { title, blocks, charts: barsOfDuplicates(report) };
}

/** The events with the most repeats. */
function repeatedBlocks({ worst }: DuplicatesReport, options: ViewOptions): Block[] {
  if (worst.length === 0) return [];
  const rows = worst
    .slice(0, options.rowsMax)
    .map(({ event_id, repeats, event }) => [
      repeats,
      event === null ? 'its retention in the index has ended' : `${event.source} ${event.event_type}`,
      event?.entity_id ?? '',
      event_id,
    ]);
  return [
    text('repeated most often:'),
    table(['repeats', 'series', 'entity', 'event'], rows),
    ...hiddenLine(worst.length, 'event', options),
  ];
}

function pagedText({ groups_total, worst_total }: DuplicatesReport): string {
  return `${counted(groups_total, 'group')} and ${counted(worst_total, 'repeated event')}`;
}

function stormLine(storm: DuplicatesReport['storms'][number]): string {
  const { source, event_type, start_time, end_time, repeats, share, usual_share } = storm;
  const when = `${shortTime(start_time)} to ${shortTime(end_time)}`;
  const usual = `${percent(share)} instead of the usual ${percent(usual_share)}`;
  return `storm: ${source} ${event_type}, ${when}: ${counted(repeats, 'repeat')}, ${usual}`;
}
