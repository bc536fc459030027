import { type Aggregate, parseAggregateKey } from '@pik/aggregates';
import { type ChangeExplanation, formatEpochMs, parseTime } from '@pik/schema';

/** The facts of a change that its comparison follows from. */
type Explained = Pick<ChangeExplanation, 'key' | 'window_start' | 'window_end' | 'before' | 'after' | 'classes'>;

/**
 * The groups with which `compare` says what distinguishes the late inputs of a change from the others of its window: events of the key
 * received after the window had ended, and between the two sides. Null without late inputs, or if the metric is not declared.
 */
export function lateGroups(explained: Explained, aggregate: Aggregate | null): ChangeExplanation['compare'] | null {
  const { key, window_start, window_end, before, after, classes } = explained;
  const fields = aggregate === null ? null : parseAggregateKey(aggregate.group_by, key);
  if (aggregate === null || fields === null || !classes.some((one) => one.class === 'LATE' && one.came > 0))
    return null;
  const where = [
    'outcome == ACCEPTED',
    `event_time >= ${window_start} and event_time < ${window_end}`,
    ...Object.entries(fields).map(([name, value]) => `${name} == ${JSON.stringify(value)}`),
    ...listed('source', aggregate.sources),
    ...listed('event_type', aggregate.event_types),
  ];
  const since = before.as_of >= window_end ? `received_at > ${before.as_of}` : `received_at >= ${window_end}`;
  return { where: where.join(' and '), a: since, end_time: justAfter(after.as_of) };
}

function listed(field: string, values: readonly string[] | null): string[] {
  return values === null ? [] : [`${field} in [${values.map((value) => JSON.stringify(value)).join(', ')}]`];
}

/** The end of a range that includes a time: a millisecond later. */
function justAfter(time: string): string {
  return formatEpochMs((parseTime(time)?.epoch_ms ?? 0) + 1);
}
