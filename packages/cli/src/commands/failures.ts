import { failuresView } from '@pik/render';

import { investigator } from '../session.ts';
import { show } from '../show.ts';
import { type ReportOptions, selection, shownRows } from './report-options.ts';

/** Prints the failures, ranked by the lower bound of their rate. True if nothing failed. */
export async function failures(options: ReportOptions & { baselineFrom?: string | undefined }): Promise<boolean> {
  const { basis, include_imported, ...rest } = selection(options);
  const report = await investigator(options).failures({ ...rest, baseline_from: options.baselineFrom });
  await show(shownRows(options), report, failuresView);
  return report.failures === 0;
}
