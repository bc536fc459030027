import { at, type IngestResult } from '@pik/schema/events';

/** Characters of an event id. */
const ID_CHARS = 47;

/** The parts of results that another thread can be given. */
export interface AcceptedParts {
  /** The ids of all records, without separators. */
  readonly eventIds: string;
  readonly rawKey: string;
  readonly lagsMs: Float64Array<ArrayBuffer>;
  readonly lines: Float64Array<ArrayBuffer>;
}

/** The results of records that were all accepted into one object, the usual case, without an object for each. */
export class AcceptedResults {
  readonly #parts: AcceptedParts;

  constructor(parts: AcceptedParts) {
    this.#parts = parts;
  }

  get length(): number {
    return this.#parts.lines.length;
  }

  eventIdAt(index: number): string {
    return this.#parts.eventIds.slice(index * ID_CHARS, (index + 1) * ID_CHARS);
  }

  at(index: number): IngestResult & { readonly status: 'ACCEPTED' } {
    const { lagsMs, lines, rawKey } = this.#parts;
    const event_id = this.eventIdAt(index);
    return { event_id, status: 'ACCEPTED', lag_ms: at(lagsMs, index), raw_key: rawKey, line: at(lines, index) };
  }
}

/** The compact form of results; null if they are not all the usual ones of one object, under the ids that were sent. */
export function acceptedParts(
  results: readonly (IngestResult | null)[],
  eventIds: readonly (string | null)[],
): AcceptedParts | null {
  const rawKey = results[0]?.raw_key;
  if (typeof rawKey !== 'string') return null;
  const lagsMs = new Float64Array(results.length);
  const lines = new Float64Array(results.length);
  let ids = '';
  for (const [i, result] of results.entries()) {
    if (result === null || result.raw_key !== rawKey || result.event_id !== eventIds[i] || !isUsual(result))
      return null;
    ids += result.event_id;
    lagsMs[i] = result.lag_ms;
    lines[i] = result.line;
  }
  return { eventIds: ids, rawKey, lagsMs, lines };
}

/** A result with exactly the members of {@link AcceptedResults.at}, with values of their types. */
type UsualResult = IngestResult & { readonly event_id: string; readonly lag_ms: number; readonly line: number };

const OTHER_MEMBERS = ['raw_key'];

function isUsual(result: IngestResult): result is UsualResult {
  const { event_id, status, lag_ms, line, ...rest } = result;
  if (status !== 'ACCEPTED' || event_id?.length !== ID_CHARS) return false;
  return typeof lag_ms === 'number' && typeof line === 'number' && Object.keys(rest).length === OTHER_MEMBERS.length;
}
