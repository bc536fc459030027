import { COMPLETENESS_MARKS_MS, type CompletenessReport } from '@pik/schema';

import { groupName } from '../format.ts';
import type { Chart, Curves } from './chart.ts';

/** Closed days drawn behind their median. */
const DAYS_MAX = 60;

/** The share of a day that has arrived at each age: closed days, their median, and the open days. */
export function arrivalCurves({ curves, days }: CompletenessReport): Chart[] {
  const single = new Set(days.map(({ series }) => groupName(series))).size < 2;
  const lines: Curves['lines'][number][] = [];
  if (single) {
    for (const { day, arrived } of days.filter(({ state }) => state === 'CLOSED').slice(-DAYS_MAX))
      lines.push({ name: day, role: 'closed', shares: arrived.map(({ share }) => share) });
    // An open day's shares are of its known events; divided by its forecast they are shares of the final count.
    for (const { day, state, arrived, forecast } of days) {
      if (state !== 'OPEN' || forecast === null) continue;
      const shares = arrived.map(({ share }) => (share === null ? null : share * forecast.share));
      lines.push({ name: day, role: 'open', shares });
    }
  }
  for (const { series, median } of curves)
    lines.push({ name: groupName(series) || 'median', role: 'median', shares: median.map(({ share }) => share) });
  if (lines.length === 0) return [];
  const title = 'Share of a day that has arrived, by time after its end';
  return [{ kind: 'curves', title, ages_ms: COMPLETENESS_MARKS_MS, lines }];
}
