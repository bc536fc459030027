import { completenessView, gapsView } from '@pik/render';
import type { GapsSelection } from '@pik/sdk/investigator';
import { investigator } from '../session.ts';
import { show } from '../show.ts';
import { numberOf, type ReportOptions, selection, shownRows } from './report-options.ts';

/** Which windows, by which calendar. */
export interface GapsOptions extends ReportOptions {
  readonly entity?: string;
  readonly metric?: string;
  readonly key?: string;
  readonly grain?: 'minute' | 'hour' | 'day';
  readonly cadenceMs?: string;
}

/** Which windows are missing; true when none is. */
export async function gaps(options: GapsOptions): Promise<boolean> {
  const report = await investigator(options).gaps({
    ...seriesSelection(options),
    entity_id: options.entity,
    metric: options.metric,
    key: options.key,
    grain: options.grain,
    cadence_ms: numberOf(options.cadenceMs),
  });
  await show(shownRows(options), report, gapsView);
  return report.gaps.every(({ state }) => state === 'PENDING');
}

function seriesSelection(options: ReportOptions) {
  const { by, ...rest } = selection(options);
  return { ...rest, by: by as GapsSelection['by'] };
}

/** How complete each event day is. */
export async function completeness(options: ReportOptions): Promise<void> {
  const { basis, ...rest } = seriesSelection(options);
  const report = await investigator(options).completeness(rest);
  await show(shownRows(options), report, completenessView);
}
