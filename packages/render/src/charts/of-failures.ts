import type { FailuresReport } from '@pik/schema';

import { grouped, groupName, percent } from '../format.ts';
import { failureName } from '../views/failure-name.ts';
import type { Chart } from './chart.ts';

const BARS_MAX = 20;

/** The rate of each failure: its lower bound, and the observed rate beyond that. */
export function barsOfFailures({ groups }: FailuresReport): Chart[] {
  const rows = groups.slice(0, BARS_MAX).map((failure) => ({
    name: `${groupName(failure.group) || 'unknown series'}: ${failureName(failure)}`,
    values: [failure.share_low * 100, Math.max(0, failure.share - failure.share_low) * 100],
    label: `${grouped(failure.count)} of ${grouped(failure.receipts)}, at least ${percent(failure.share_low)}`,
  }));
  return [{ kind: 'bars', title: 'Rate of failures, in percent of receipts', parts: ['sure', 'seen'], rows }];
}
