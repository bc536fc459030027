import { shortTime, tableText, valueText } from '@pik/render';
import type { AggregateVersion } from '@pik/schema';
import { type GlobalOptions, investigator, print } from '../session.ts';

/** Options of `pik history`. */
export interface HistoryOptions extends GlobalOptions {
  readonly metric: string;
  readonly key: string;
  readonly window?: string | undefined;
}

/** Lists the versions of a value, oldest first: what was known, and when. True if there are any. */
export async function history(options: HistoryOptions): Promise<boolean> {
  const { metric, key, window } = options;
  const found: AggregateVersion[] = [];
  for await (const version of investigator(options).getAggregateHistory({
    metric,
    key,
    ...(window !== undefined && { window_start: window }),
  }))
    found.push(version);
  print(options, found, () => {
    if (found.length === 0) return 'No versions yet: a replay of the window creates the first.';
    const rows = found.map((v) => [
      shortTime(v.window_start),
      v.version,
      valueText(v.value),
      v.input_count,
      shortTime(v.as_of),
      v.unsettled ? 'unsettled' : '',
      v.inputs_hash.slice(0, 12),
      v.trigger.replay_id,
    ]);
    return tableText(['window', 'version', 'value', 'inputs', 'as of', '', 'inputs hash', 'replay'], rows);
  });
  return found.length > 0;
}
