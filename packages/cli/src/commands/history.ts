import { printable, shortTime, tableText, valueText } from '@pik/render';
import type { AggregateVersion } from '@pik/schema';
import { counted } from '@pik/schema';
import { type GlobalOptions, investigator, print } from '../session.ts';

/** Whose value. */
export interface HistoryOptions extends GlobalOptions {
  readonly metric: string;
  readonly key: string;
  readonly window?: string;
}

/** Lists the versions of a value, oldest first: what was known, and when. True when there are any. */
export async function history(options: HistoryOptions): Promise<boolean> {
  const { metric, key, window } = options;
  const found: AggregateVersion[] = [];
  for await (const version of investigator(options).getAggregateHistory({ metric, key, window_start: window }))
    found.push(version);
  print(options, found, () => {
    if (found.length === 0) return 'No version yet: a replay of the window makes the first one.';
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

/** Which value, and as of when. */
export interface ComputeOptions extends HistoryOptions {
  readonly window: string;
  readonly asOf?: string;
  readonly timeZone?: string;
}

/** Folds a value now, or as it was known at a receive time. Writes nothing. */
export async function compute(options: ComputeOptions): Promise<void> {
  const { metric, key, window, asOf, timeZone } = options;
  const answer = await investigator(options).computeAggregate({
    metric,
    key,
    window_start: window,
    as_of: asOf,
    time_zone: timeZone,
  });
  print(options, answer, () => {
    const span = `${shortTime(answer.window_start)} to ${shortTime(answer.window_end)}`;
    const lines = [
      printable(JSON.stringify(answer.value)),
      `${metric} of ${printable(key)}, ${span}, from ${counted(answer.input_count, 'event')} received by ${shortTime(answer.as_of)}`,
    ];
    if (answer.unsettled) lines.push('unsettled: something received by then may still be on its way into the index');
    return lines.join('\n');
  });
}
