import { LIMITS, type Match } from '@pik/schema';

import { writeErr } from './output.ts';
import { type GlobalOptions, investigator } from './session.ts';
import { type RangeOptions, startOf } from './times.ts';

/** Options of a command that reads the receipts of a range. */
export interface ReceiptsOptions extends GlobalOptions, RangeOptions {
  readonly where?: string | undefined;
  readonly asOf?: string | undefined;
}

/** Reads the receipts of a range with their received text, the last stored first. Says on standard error what could not be read. */
export function readReceipts(options: ReceiptsOptions): AsyncIterable<Match> {
  const { where, to, asOf, timeZone } = options;
  const range = { start_time: startOf(options), end_time: to, as_of: asOf, time_zone: timeZone };
  return investigator(options).readMatches(
    { where, ...range, include: 'body', limit: LIMITS.page_items_max },
    { onUnreadable: noteUnreadable },
  );
}

/** Says on standard error that a pack could not be read, and so is missing from the answer. */
export function noteUnreadable({ pack_id, code }: { readonly pack_id: string; readonly code: string }): void {
  writeErr(`note: the pack ${pack_id} was not searched: ${code}\n`);
}
