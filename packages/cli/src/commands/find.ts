import { matchCells, printable, scannedText } from '@pik/render';
import { counted, findQuestion, LIMITS, type Match, matchSchema, type SelectionOf } from '@pik/schema';
import type { SearchProgress } from '@pik/sdk/investigator';

import { formOf, rowWriter } from '../forms/forms.ts';
import { progressStream, writeOut } from '../output.ts';
import { noteUnreadable } from '../read-receipts.ts';
import { type GlobalOptions, investigator } from '../session.ts';
import { type AskOptions, givenOf } from './question.ts';

/** Matches on a terminal if no option says how many. */
const MATCHES_DEFAULT = 40;

/** The columns of a match in CSV. */
export const MATCH_COLUMNS: readonly string[] = Object.keys(matchSchema.shape);

/**
 * Finds receipts and prints each when it is found, the last stored first; with `--json` as NDJSON. Several expressions must all
 * match. True if a receipt matches.
 */
export async function find(expressions: readonly string[], options: AskOptions & GlobalOptions): Promise<boolean> {
  const given = givenOf(findQuestion, options);
  const isWhole = formOf(options) !== 'table' && given.limit === undefined;
  const limit = given.limit ?? (isWhole ? LIMITS.page_items_max : MATCHES_DEFAULT);
  const selection: SelectionOf<'find'> = { ...given, where: allOf(expressions, given.where), limit };
  const rows = rowWriter(options, { columns: MATCH_COLUMNS });
  let count = 0;
  let last: SearchProgress | null = null;
  let next: string | null = null;
  const progress = progressLine();
  const found = investigator(options).readMatches(selection, {
    onProgress(seen) {
      last = seen;
      progress.show(seen);
    },
    onPage(next_cursor) {
      next = next_cursor;
      return isWhole || count < limit;
    },
    onUnreadable: noteUnreadable,
  });
  for await (const match of found) {
    progress.clear();
    if (rows === null) writeOut(matchText(match));
    else rows.write(match);
    count += 1;
  }
  progress.clear();
  if (rows === null) writeOut(endText(last, next));
  else rows.end();
  return count > 0;
}

/** One expression as it is typed, so that places in errors are right; several joined, each in parentheses. */
export function allOf(expressions: readonly string[], where: string | undefined): string | undefined {
  const all = where === undefined ? [...expressions] : [where, ...expressions];
  if (all.length < 2) return all[0];
  return all.map((one) => `(${one})`).join(' and ');
}

/** A match as a line, and its received text as another if it has it. */
export function matchText(match: Match): string {
  const cells = matchCells(match).map((cell) => printable(String(cell)) || '–');
  const body = match.body ?? match.body_base64;
  return `${cells.join('  ')}\n${body === undefined ? '' : `    ${printable(body)}\n`}`;
}

function endText(progress: SearchProgress | null, next: string | null): string {
  if (progress === null) return '';
  if (next === null) return `${scannedText(progress)}\n`;
  return `${counted(progress.matched, 'match', 'matches')} so far; for earlier ones: --cursor ${next}\n`;
}

/** The line on standard error about a search in progress; silent unless that is a terminal. */
function progressLine(): { show(progress: SearchProgress): void; clear(): void } {
  const stream = progressStream();
  let isShown = false;
  const clear = () => {
    if (isShown) stream?.write('\r\u001b[K');
    isShown = false;
  };
  return {
    show({ packs, packs_total, ...rest }) {
      if (stream === null) return;
      clear();
      const of = packs_total === null ? '' : ` of ${packs_total.toLocaleString('en-US')}`;
      stream.write(`scanned ${packs.toLocaleString('en-US')}${of} packs: ${scannedText({ packs, ...rest })}`);
      isShown = true;
    },
    clear,
  };
}
