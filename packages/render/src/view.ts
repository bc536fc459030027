import { type Covered, counted } from '@pik/schema';
import type { Chart } from './charts/chart.ts';
import { type Cell, shortTime } from './format.ts';

/** A line for a person. */
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

/** A part of an answer as it is shown. */
export type Block = TextBlock | TableBlock;

/** An answer as it is shown, whatever shows it. Texts are as they came: whoever writes them out makes them harmless. */
export interface View {
  readonly title: string;
  readonly blocks: readonly Block[];
  /** What can be drawn of it. */
  readonly charts: readonly Chart[];
}

/** How much of an answer is shown. */
export interface ViewOptions {
  /** Rows of a table at most. */
  readonly rowsMax: number;
  /** Where all of it is: ends a line such as "and 3 more groups". */
  readonly whole: string;
  /** How a cursor is given back: ends a line that says that an answer is a page. */
  readonly next: (cursor: string) => string;
}

/** A line. */
export function text(line: string): TextBlock {
  return { kind: 'text', text: line };
}

/** A table. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): TableBlock {
  return { kind: 'table', head, rows };
}

/** What a table leaves out, as a line; nothing where it has all. `word` is of one of them. */
export function hiddenLine(count: number, word: string, { rowsMax, whole }: ViewOptions): TextBlock[] {
  return count > rowsMax ? [text(`and ${counted(count - rowsMax, `more ${word}`)} (${whole})`)] : [];
}

/** That an answer is a page of more, as a line; nothing where the next page is none. */
export function nextLine(next_cursor: string | null, of: string, { next }: ViewOptions): TextBlock[] {
  return next_cursor === null ? [] : [text(`a page of ${of}; the next one: ${next(next_cursor)}`)];
}

/**
 * What a report that was cut covers of its range, as a line; nothing where that is all of it. `what` is what it counts there, where
 * that is not all that it shows.
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
  const rest = next_cursor === null ? 'pages before it have the rest' : 'the next page goes on with the rest';
  return [text(`${what === undefined ? 'covers' : `${what}:`} ${times} from ${from} to ${to}${parts}; ${rest}`)];
}

/** The notes of a report, as lines. */
export function noteLines(notes: readonly string[]): TextBlock[] {
  return notes.map((note) => text(`note: ${note}`));
}
