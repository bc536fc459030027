import { shortTime, tableText, valueText } from '@pik/render';
import { type AggregateVersion, versionsQuestion } from '@pik/schema';
import { investigator, print } from '../session.ts';
import { type AskOptions, flagsWithout, givenOf } from './question.ts';

/** The fields of `pik history`, which reads all pages. */
export const HISTORY_FIELDS = flagsWithout(versionsQuestion.fields, 'limit', 'cursor');

/** Lists the versions of a value, oldest first: what was known, and when. True if there are any. */
export async function history(options: AskOptions): Promise<boolean> {
  const found: AggregateVersion[] = [];
  const selection = givenOf({ fields: HISTORY_FIELDS }, options);
  for await (const version of investigator(options).getAggregateHistory(selection)) found.push(version);
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
