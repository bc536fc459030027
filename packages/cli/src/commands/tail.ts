import { type SelectionOf, tailQuestion } from '@pik/schema';

import { rowWriter } from '../forms/forms.ts';
import { writeErr, writeOut } from '../output.ts';
import { type GlobalOptions, investigator } from '../session.ts';
import { allOf, MATCH_COLUMNS, matchText } from './find.ts';
import { type AskOptions, givenOf } from './question.ts';

/** Fields of a tail that are flags; `until` is for clients that page a skipped part. */
const { until: _, ...fields } = tailQuestion.fields;

export { fields as TAIL_FIELDS };

/**
 * Prints receipts as they arrive, until it is interrupted or `--limit` are printed; with `--json` as NDJSON. Several expressions
 * must all match.
 */
export async function tail(expressions: readonly string[], options: AskOptions & GlobalOptions): Promise<void> {
  const { limit, ...given } = givenOf({ fields }, options);
  const selection: SelectionOf<'tail'> = { ...given, where: allOf(expressions, given.where) };
  const rows = rowWriter(options, { columns: MATCH_COLUMNS, isEndless: limit === undefined });
  let count = 0;
  let last: string | null = null;
  const arriving = investigator(options).readTail(selection, {
    onCursor(cursor) {
      last = cursor;
    },
  });
  for await (const match of arriving) {
    if (rows === null) writeOut(matchText(match));
    else rows.write(match);
    count += 1;
    if (limit !== undefined && count >= limit) break;
  }
  rows?.end();
  if (rows === null && last !== null) writeErr(`to continue: --cursor ${last}\n`);
}
