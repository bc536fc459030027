/**
 * How many of what, for a sentence: `1 event`, `2,000 events`. `many` where the plural is not the word with an s, or where
 * a verb goes with it.
 */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-US', { maximumFractionDigits: 1 })} ${count === 1 ? one : many}`;
}
