import type { DuplicatesReport } from '@pik/schema';
import { counted } from '@pik/schema';

import { groupName } from '../format.ts';
import type { Chart } from './chart.ts';

const BARS_MAX = 20;

/** New receipts, repeats and conflicts by group. */
export function barsOfDuplicates({ groups }: DuplicatesReport): Chart[] {
  if (groups.length === 0) return [];
  const rows = groups.slice(0, BARS_MAX).map(({ group, figures }) => {
    const { events, duplicates, conflicts } = figures;
    const counts = [counted(duplicates, 'repeat'), ...(conflicts > 0 ? [counted(conflicts, 'conflict')] : [])];
    return { name: groupName(group) || 'all', values: [events, duplicates, conflicts], label: counts.join(', ') };
  });
  return [{ kind: 'bars', title: 'Receipts by outcome', parts: ['events', 'repeats', 'conflicts'], rows }];
}
