import { lagView } from '@pik/render';
import type { ReportSelection } from '@pik/sdk/investigator';

import { investigator } from '../session.ts';
import { draws, show } from '../show.ts';
import { absolute, startOf } from '../times.ts';
import { numberOf, type ReportOptions, selection, shownRows } from './report-options.ts';

/** Prints the lag report. A picture is a heat map by source and time unless `--by` names other groups. */
export async function lag(
  options: ReportOptions & { lateOverMs?: string | undefined; worst?: string | undefined },
): Promise<void> {
  const scope = selection(options);
  const report = await investigator(options).lag({
    ...scope,
    ...(draws(options) && scope.by === undefined ? { by: ['source', grainOf(options)] } : {}),
    late_over_ms: numberOf(options.lateOverMs),
    worst: numberOf(options.worst),
  });
  await show(shownRows(options), report, lagView);
}

/** Longest range whose picture has a column per hour; a longer one has a column per day. */
const HOURS_DAYS_MAX = 14;

function grainOf(options: ReportOptions): NonNullable<ReportSelection['by']>[number] {
  const ms = (text: string | undefined) => Date.parse(absolute('--from', text, options) ?? '');
  const days = (ms(options.to ?? 'now') - ms(startOf(options))) / 86_400_000;
  return days <= HOURS_DAYS_MAX ? 'hour' : 'day';
}
