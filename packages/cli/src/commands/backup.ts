import { backupLocal, restoreBackup } from '@pik/engine/local';
import { grouped } from '@pik/render';
import { counted } from '@pik/schema';

import { print } from '../session.ts';
import { rebuild } from './rebuild.ts';

const MB = 1_000_000;

/** Copies a data directory while its server runs; an earlier backup gets what is new. */
export async function backup(
  to: string,
  { data, json }: { readonly data: string; readonly json?: boolean | undefined },
): Promise<void> {
  const summary = await backupLocal({ dir: data, to });
  print({ json }, summary, () => {
    const { files, copied, bytes, has_history } = summary;
    const lines = [`${counted(files, 'file')} in ${to}; ${grouped(copied)} copied now, ${grouped(bytes / MB)} MB.`];
    if (!has_history)
      lines.push(
        'The backup lacks the queue, which the server holds exclusively (--readers 0): a restore loses waiting messages.',
      );
    return lines.join('\n');
  });
}

/** Copies a backup to a new data directory and makes its index again. True if every verdict equals the recorded one. */
export async function restore(
  from: string,
  options: { readonly data: string; readonly incomplete?: boolean | undefined; readonly json?: boolean | undefined },
): Promise<boolean> {
  const { data, incomplete, json } = options;
  const summary = await restoreBackup({ from, dir: data, isIncomplete: incomplete });
  if (json !== true) print({}, summary, () => `${counted(summary.files, 'file')} copied to ${data}.`);
  return rebuild({ data, json });
}
