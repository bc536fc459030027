import { duplicatesView, lagView } from '@pik/render';
import type { ReportSelection } from '@pik/sdk/investigator';

import { investigator } from '../session.ts';
import { draws, show } from '../show.ts';
import { absolute, startOf } from '../times.ts';
import { numberOf, type ReportOptions, selection, shownRows } from './report-options.ts';

/** Where is data delayed? A picture is a heat map by source and time, unless other groups are asked for. */
export async function lag(options: ReportOptions & { lateOverMs?: string; worst?: string }): Promise<void> {
  const asked = selection(options);
  const report = await investigator(options).lag({
    ...asked,
    ...(draws(options) && asked.by === undefined ? { by: ['source', grainOf(options)] } : {}),
    late_over_ms: numberOf(options.lateOverMs),
    worst: numberOf(options.worst),
  });
  await show(shownRows(options), report, lagView);
}

/** Hours of up to so many days are told apart in a picture. */
const HOURS_DAYS_MAX = 14;

function grainOf(options: ReportOptions): NonNullable<ReportSelection['by']>[number] {
  const ms = (text: string | undefined) => Date.parse(absolute('--from', text, options) ?? '');
  const days = (ms(options.to ?? 'now') - ms(startOf(options))) / 86_400_000;
  return days <= HOURS_DAYS_MAX ? 'hour' : 'day';
}

/** What came more than once? */
export async function duplicates(options: ReportOptions & { worst?: string }): Promise<void> {
  const report = await investigator(options).duplicates({ ...selection(options), worst: numberOf(options.worst) });
  await show(shownRows(options), report, duplicatesView);
}
