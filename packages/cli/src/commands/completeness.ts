import { completenessView } from '@pik/render';
import type { CompletenessSelection } from '@pik/sdk/investigator';

import { investigator } from '../session.ts';
import { show } from '../show.ts';
import { type ReportOptions, selection, shownRows } from './report-options.ts';

/** Prints how complete each event day is. */
export async function completeness(options: ReportOptions): Promise<void> {
  const { basis, by, ...rest } = selection(options);
  const report = await investigator(options).completeness({ ...rest, by: by as CompletenessSelection['by'] });
  await show(shownRows(options), report, completenessView);
}
