import { type DuplicatesReport, durationText } from '@pik/schema';

import { barsOfDuplicates } from '../charts/of-duplicates.ts';
import { type Cell, grouped, groupName, percent, shortTime } from '../format.ts';
import { hiddenLine, noteLines, table, text, type View, type ViewOptions } from '../view.ts';
import { nothing } from './lag.ts';

/** What came more than once. */
export function duplicatesView(report: DuplicatesReport, options: ViewOptions): View {
  const title = 'What came more than once?';
  const { total, groups, storms, notes } = report;
  if (total === null) return { title, blocks: [nothing('No receipts in this range.', report)], charts: [] };
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
    ...hiddenLine(groups.length, 'groups', options),
    ...noteLines(notes),
  ];
  return { title, blocks, charts: barsOfDuplicates(report) };
}

function stormLine(storm: DuplicatesReport['storms'][number]): string {
  const { source, event_type, start_time, end_time, repeats, share, usual_share } = storm;
  const when = `${shortTime(start_time)} to ${shortTime(end_time)}`;
  const usual = `${percent(share)} where ${percent(usual_share)} is usual`;
  return `storm: ${source} ${event_type}, ${when}: ${grouped(repeats)} repeats, ${usual}`;
}
