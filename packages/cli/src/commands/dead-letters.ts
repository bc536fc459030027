import { shortTime, tableText } from '@pik/render';
import type { DeadLetter } from '@pik/schema';
import { counted } from '@pik/schema';
import { type GlobalOptions, investigator, print } from '../session.ts';

/** Options of `pik dead-letters`. */
export interface DeadLettersOptions extends GlobalOptions {
  /** True: put all of them back; a list: put these messages back. */
  readonly redrive?: boolean | readonly string[] | undefined;
}

/** Lists messages that could not be processed, or puts them back into the queue. True if none are left. */
export async function deadLetters(options: DeadLettersOptions): Promise<boolean> {
  const ask = investigator(options);
  if (options.redrive !== undefined && options.redrive !== false) {
    const redriven = await ask.redriveDeadLetters(options.redrive === true ? undefined : options.redrive);
    print(options, { redriven }, () => `Back in the queue: ${counted(redriven, 'message')}.`);
    return true;
  }
  const found: DeadLetter[] = [];
  for await (const letter of ask.readDeadLetters()) found.push(letter);
  print(options, found, () => {
    if (found.length === 0) return 'There are no dead letters.';
    const rows = found.map((d) => [shortTime(d.died_at), d.code, d.detail, d.receives, d.message_id]);
    return tableText(['died', 'code', 'why', 'deliveries', 'message'], rows);
  });
  return found.length === 0;
}
