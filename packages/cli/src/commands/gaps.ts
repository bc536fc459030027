import { gapsView } from '@pik/render';
import type { GapsSelection } from '@pik/sdk/investigator';
import { investigator } from '../session.ts';
import { show } from '../show.ts';
import { numberOf, type ReportOptions, selection, shownRows } from './report-options.ts';

/** Options of `pik gaps`. */
export interface GapsOptions extends ReportOptions {
  readonly entity?: string | undefined;
  readonly metric?: string | undefined;
  readonly key?: string | undefined;
  readonly grain?: 'minute' | 'hour' | 'day' | undefined;
  readonly cadenceMs?: string | undefined;
}

/** Prints the missing windows. True if every gap found is still pending. */
export async function gaps(options: GapsOptions): Promise<boolean> {
  const { by, ...rest } = selection(options);
  const report = await investigator(options).gaps({
    ...rest,
    by: by as GapsSelection['by'],
    entity_id: options.entity,
    metric: options.metric,
    key: options.key,
    grain: options.grain,
    cadence_ms: numberOf(options.cadenceMs),
  });
  await show(shownRows(options), report, gapsView);
  return report.gaps.every(({ state }) => state === 'PENDING');
}
