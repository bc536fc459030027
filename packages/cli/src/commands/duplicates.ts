import { duplicatesView } from '@pik/render';

import { investigator } from '../session.ts';
import { show } from '../show.ts';
import { numberOf, type ReportOptions, selection, shownRows } from './report-options.ts';

/** Prints the events that arrived more than once. */
export async function duplicates(options: ReportOptions & { worst?: string | undefined }): Promise<void> {
  const report = await investigator(options).duplicates({ ...selection(options), worst: numberOf(options.worst) });
  await show(shownRows(options), report, duplicatesView);
}
