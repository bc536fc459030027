import { counted, type FindPage, findQuestion, type Match, type Scanned } from '@pik/schema';
import { type Cell, shortTime } from '../format.ts';
import { viewOf } from '../question-view.ts';
import { hiddenLine, nextLine, noteLines, table, text, type View, type ViewOptions } from '../view.ts';

/** Receipts that match an expression, the last stored first. */
export const findView = viewOf(findQuestion, view, {
  verdict: {
    yes: 'a receipt matches',
    no: 'no receipt of the range matches',
    isYes: ({ matches }) => matches.length > 0,
  },
});

/** Columns of a table of matches. */
export const MATCH_HEAD = ['received', 'outcome', 'source', 'type', 'entity', 'event or receipt'] as const;

/** A match as a row of such a table; a rejected receipt is named by its address. */
export function matchCells(match: Match): Cell[] {
  const { outcome, reject_code, event_id, pack_id, line } = match;
  return [
    shortTime(match.received_at),
    reject_code ?? outcome ?? 'PENDING',
    match.source ?? '',
    match.event_type ?? '',
    match.entity_id ?? '',
    event_id ?? `${pack_id}/${line}`,
  ];
}

/** The sentence about the extent of a search. */
export function scannedText({ packs, receipts, matched }: Scanned): string {
  return `${counted(matched, 'match', 'matches')} in ${counted(receipts, 'receipt')} of ${counted(packs, 'pack')}`;
}

function view(page: FindPage, options: ViewOptions): View {
  const { matches, scanned, covered, next_cursor, notes } = page;
  const rows = matches.slice(0, options.rowsMax).map(matchCells);
  const bodies = matches
    .slice(0, options.rowsMax)
    .flatMap(({ body, pack_id, line }) => (body === undefined ? [] : [text(`${pack_id}/${line}: ${body}`)]));
  const from = covered?.start_time ?? null;
  return {
    title: 'Which receipts match?',
    blocks: [
      ...(rows.length === 0 ? [text('Nothing matches.')] : [table(MATCH_HEAD, rows)]),
      ...hiddenLine(matches.length, 'receipt', options),
      ...bodies,
      text(from === null ? scannedText(scanned) : `${scannedText(scanned)}, back to ${shortTime(from)}`),
      ...nextLine(next_cursor, 'the matches', options),
      ...noteLines(notes),
    ],
    charts: [],
  };
}
