/** Characters up to which a double keeps every digit of a number. */
const EXACT_CHARS_MAX = 15;

/** Parses a record. A number that may have more digits than a double keeps stays the text that was written. */
export function parsedRecord(text: string): unknown {
  const revive = (_name: string, value: unknown, { source }: { source?: string } = {}) =>
    typeof value === 'number' && source !== undefined && source.length > EXACT_CHARS_MAX ? source : value;
  // TypeScript's types do not know the third argument yet, which holds the source text of a value.
  return JSON.parse(text, revive as (name: string, value: unknown) => unknown);
}
