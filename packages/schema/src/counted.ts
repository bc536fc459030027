/**
 * A count with its noun: `1 event`, `2,000 events`. Pass `many` if the plural is not the noun with an s, or if a verb
 * follows.
 *
 * @example
 * import { counted } from '@pik/schema';
 *
 * counted(2_000, 'event'); // 2,000 events
 * counted(1, 'event is missing', 'events are missing'); // 1 event is missing
 */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US', { maximumFractionDigits: 1 })} ${count === 1 ? one : many}`;
}
