import { at } from './at.ts';
/** The top-level fields of an event. */
export const EVENT_FIELDS = [
  'source',
  'event_type',
  'entity_id',
  'event_time',
  'payload',
  'idempotency_key',
  'identity',
  'producer',
  'sent_at',
  'traceparent',
  'schema_version',
  'received_at',
  'request_id',
] as const;

const KNOWN: ReadonlySet<string> = new Set(EVENT_FIELDS);

/** True if the name is a field of an event. */
export function isEventField(name: string): boolean {
  return KNOWN.has(name);
}

/** A longer name is not a typo. */
const NAME_CHARS_MAX = 40;

/**
 * The name that a misspelt one stands for: equal but for case and separators, or at most two edits and a third of its
 * letters away. Null if there is none.
 */
export function nearestName(name: string, names: readonly string[]): string | null {
  if (name.length > NAME_CHARS_MAX) return null;
  const plain = plainName(name);
  let nearest: string | null = null;
  let least = Math.min(2, Math.floor(plain.length / 3)) + 1;
  for (const candidate of names) {
    const other = plainName(candidate);
    // Each letter more or less is an edit. Most candidates differ too much in length, and this runs for every event.
    if (Math.abs(plain.length - other.length) >= least) continue;
    const distance = editDistance(plain, other);
    if (distance >= least) continue;
    nearest = candidate;
    least = distance;
  }
  return nearest;
}

function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** Edit distance: insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    const above = at(rows, i - 1);
    for (let j = 1; j <= b.length; j++) {
      const wrong = at(above, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(at(above, j) + 1, at(row, j - 1) + 1, wrong);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) best = Math.min(best, at(at(rows, i - 2), j - 2) + 1);
      row.push(best);
    }
    rows.push(row);
  }
  return at(at(rows, a.length), b.length);
}

/** Maximum number of names in a hint, and of letters of each. */
const HINT_NAMES_MAX = 3;

/** The warning about members that are not fields of an event, with the likely intended names. */
export function unknownFieldsHint(unknown: readonly string[], fields: readonly string[] = EVENT_FIELDS): string {
  const hints = unknown.slice(0, HINT_NAMES_MAX).map((name) => {
    const nearest = nearestName(name, fields);
    const shown = JSON.stringify(
      name.length > NAME_CHARS_MAX ? `${name.slice(0, NAME_CHARS_MAX).toWellFormed()}…` : name,
    );
    return nearest === null ? shown : `${shown} (did you mean ${nearest}?)`;
  });
  const more = unknown.length > HINT_NAMES_MAX ? ` and ${unknown.length - HINT_NAMES_MAX} more` : '';
  const [verb, what] = unknown.length === 1 ? ['is', 'a field'] : ['are', 'fields'];
  return `${hints.join(', ')}${more} ${verb} not ${what} of an event: kept in the raw log, and otherwise ignored`;
}
