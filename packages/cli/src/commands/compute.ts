import { printable, shortTime } from '@pik/render';
import { computeQuestion, counted } from '@pik/schema';
import { investigator, print } from '../session.ts';
import { type AskOptions, givenOf } from './question.ts';

/** Computes a value as of now or as of a receive time. Writes nothing. True: every value is an answer. */
export async function compute(options: AskOptions): Promise<boolean> {
  const selection = givenOf(computeQuestion, options);
  const { metric, key } = selection;
  const answer = await investigator(options).computeAggregate(selection);
  print(options, answer, () => {
    const span = `${shortTime(answer.window_start)} to ${shortTime(answer.window_end)}`;
    const lines = [
      printable(JSON.stringify(answer.value)),
      `${metric} of ${printable(key)}, ${span}, from ${counted(answer.input_count, 'event')} received by ${shortTime(answer.as_of)}`,
    ];
    if (answer.unsettled) lines.push('unsettled: events received by then may not all be in the index yet');
    return lines.join('\n');
  });
  return true;
}
