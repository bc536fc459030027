import type { PlannedWindow } from '@pik/schema';

import { useAddress } from '../state/address.ts';
import { timeText } from './axis.ts';
import { Table } from './table.tsx';
import { shortValue } from './words.ts';

/** Windows of a plan: the value now, and the one that a replay would append. */
export function PlannedWindows({
  title,
  windows,
}: {
  readonly title: string;
  readonly windows: readonly PlannedWindow[];
}) {
  const { link, fields } = useAddress();
  const sorted = [...windows].sort((a, b) => Number(b.changes) - Number(a.changes));
  return (
    <Table<PlannedWindow>
      title={title}
      rows={sorted}
      keyOf={({ metric, key, window_start }) => `${metric} ${key} ${window_start}`}
      hrefOf={({ metric, key, window_start }) => link('/metrics/window', { metric, key, window: window_start })}
      columns={[
        { name: 'Metric', cell: ({ metric }) => metric },
        { name: 'Key', cell: ({ key }) => <span class="any">{key}</span> },
        { name: 'Window', fixed: true, cell: ({ window_start }) => timeText(window_start, fields.tz ?? 'UTC') },
        { name: 'Now', end: true, cell: ({ current }) => (current === null ? 'no value' : shortValue(current.value)) },
        {
          name: 'After',
          end: true,
          cell: ({ predicted, problem }) =>
            predicted === null ? <span class="bad">{problem?.detail ?? 'unknown'}</span> : shortValue(predicted.value),
        },
        {
          name: 'Change',
          cell: ({ changes, current, predicted }) =>
            changes ? (
              <span class="badge warn">{changeText(current?.value, predicted?.value)}</span>
            ) : (
              <span class="badge">same</span>
            ),
        },
      ]}
    />
  );
}

/** The difference of two values, if they are numbers. */
function changeText(before: unknown, after: unknown): string {
  if (typeof after !== 'number') return 'changes';
  if (before === undefined) return 'new';
  if (typeof before !== 'number') return 'changes';
  const delta = after - before;
  return delta === 0 ? 'other inputs' : `${delta > 0 ? '+' : '−'}${shortValue(Math.abs(delta))}`;
}
