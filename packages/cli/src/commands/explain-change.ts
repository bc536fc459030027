import { changeView } from '@pik/render';
import { explainChangeQuestion, LIMITS } from '@pik/schema';

import { investigator } from '../session.ts';
import { draws, show } from '../show.ts';
import { type AskOptions, givenOf } from './question.ts';

/** Events and units listed on a terminal if no option says how many. */
const ROWS_DEFAULT = 20;

/** Explains why a value changed. */
export async function explainChange(options: AskOptions): Promise<void> {
  const given = givenOf(explainChangeQuestion, options);
  const rowsMax = given.limit ?? ROWS_DEFAULT;
  // The chart covers all units, so it needs more than the listed rows.
  const limit = draws(options) ? Math.max(rowsMax, LIMITS.page_items_max) : rowsMax;
  const change = await investigator(options).explainChange({ ...given, limit });
  await show({ ...options, rowsMax }, change, changeView);
}
