import { printable, shortTime } from '@pik/render';
import { counted } from '@pik/schema';
import { investigator, print } from '../session.ts';
import type { HistoryOptions } from './history.ts';

/** Options of `pik compute`. */
export interface ComputeOptions extends HistoryOptions {
  readonly window: string;
  readonly asOf?: string | undefined;
  readonly timeZone?: string | undefined;
}

/** Computes a value as of now or as of a receive time. Writes nothing. */
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
    if (answer.unsettled) lines.push('unsettled: events received by then may not all be in the index yet');
    return lines.join('\n');
  });
}
