import { type Covered, counted } from '@pik/schema';
import type { Chart } from './charts/chart.ts';
import { type Cell, shortTime } from './format.ts';

/** A line of text. */
export interface TextBlock {
  readonly kind: 'text';
  readonly text: string;
}

/** A table. */
export interface TableBlock {
  readonly kind: 'table';
  readonly head: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A part of a view. */
export type Block = TextBlock | TableBlock;

/** An answer prepared for display in any form. Texts are unescaped; each form escapes them. */
export interface View {
  readonly title: string;
  readonly blocks: readonly Block[];
  /** Charts of the answer. */
  readonly charts: readonly Chart[];
}

/** How much of an answer to show, and how to get the rest. */
export interface ViewOptions {
  /** Maximum number of table rows. */
  readonly rowsMax: number;
  /** Where the full answer is: ends a line such as "and 3 more groups". */
  readonly fullAnswer: string;
  /** How to request the page with this cursor: ends the line about the next page. */
  readonly next: (cursor: string) => string;
  /** True if the charts are drawn next to the tables, which then need not repeat every cell. */
  readonly isDrawn?: boolean | undefined;
}

/** Creates a line. */
export function text(line: string): TextBlock {
  return { kind: 'text', text: line };
}

/** Creates a table. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): TableBlock {
  return { kind: 'table', head, rows };
}

/** The line about omitted rows of a table; empty if it has all. `word` is the noun of a row. */
export function hiddenLine(count: number, word: string, { rowsMax, fullAnswer }: ViewOptions): TextBlock[] {
  return count > rowsMax ? [text(`and ${counted(count - rowsMax, `more ${word}`)} (${fullAnswer})`)] : [];
}

/** The "next page" line; empty on the last page. */
export function nextLine(next_cursor: string | null, of: string, { next }: ViewOptions): TextBlock[] {
  return next_cursor === null ? [] : [text(`a page of ${of}; next page: ${next(next_cursor)}`)];
}

/**
 * The line about the covered part of the range; empty if the report covers all of it. `what` names the counted things
 * if the report shows others too.
 */
export function coveredLine(
  covered: Covered,
  { next_cursor, what }: { readonly next_cursor: string | null; readonly what?: string | undefined },
): TextBlock[] {
  if (covered == null) return [];
  const { basis, start_time, end_time, divided_days: days } = covered;
  const from = start_time === null ? 'the start of the range' : shortTime(start_time);
  const to = end_time === null ? 'its end' : shortTime(end_time);
  const times = basis === 'event' ? 'event times' : 'receive times';
  const parts = days.length === 0 ? '' : `, and a part of ${days.join(' and ')}`;
  const rest = next_cursor === null ? 'earlier pages have the rest' : 'the next page has the rest';
  return [text(`${what === undefined ? 'covers' : `${what}:`} ${times} from ${from} to ${to}${parts}; ${rest}`)];
}

/** The notes of a report, as lines. */
export function noteLines(notes: readonly string[]): TextBlock[] {
  return notes.map((note) => text(`note: ${note}`));
}
