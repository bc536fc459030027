import { changeView } from '@pik/render';
import { LIMITS } from '@pik/schema';

import { investigator } from '../session.ts';
import { draws, type ShowOptions, show } from '../show.ts';

/** Options of `pik explain change`. */
export interface ExplainChangeOptions extends ShowOptions {
  readonly metric: string;
  readonly key: string;
  readonly window: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly timeZone?: string | undefined;
  readonly limit: string;
  readonly cursor?: string | undefined;
}

/** Explains why a value changed. */
export async function explainChange(options: ExplainChangeOptions): Promise<void> {
  const { metric, key, window, from, to, timeZone, cursor } = options;
  const rowsMax = Number(options.limit);
  // The chart covers all units, so it needs more than the listed rows.
  const limit = draws(options) ? Math.max(rowsMax, LIMITS.page_items_max) : rowsMax;
  const change = await investigator(options).explainChange({
    metric,
    key,
    window_start: window,
    from,
    to,
    time_zone: timeZone,
    limit,
    cursor,
  });
  await show({ ...options, rowsMax }, change, changeView);
}
