import { type Match, type PointerSteps, readPointer } from '@pik/schema';

import { type Entry, valueText } from './entry.ts';
import { parsedRecord } from './parsed-record.ts';

/** Where a record has its id and the value to compare. */
export interface Pointers {
  readonly id: PointerSteps;
  readonly value: PointerSteps | null;
}

/** The receipts as entries; those without an id are counted in `unnamed`. */
export async function* entriesHere(
  matches: AsyncIterable<Match>,
  { id, value, unnamed }: Pointers & { unnamed: { count: number } },
): AsyncGenerator<Entry> {
  for await (const match of matches) {
    const record = recordOf(match);
    const name = valueText(readPointer(record, id));
    if (name === null) {
      unnamed.count++;
      continue;
    }
    yield {
      id: name,
      value: value === null ? null : valueText(readPointer(record, value)),
      state: match.outcome ?? 'PENDING',
      code: match.reject_code,
      place: `${match.pack_id}/${match.line}`,
      received_at: match.received_at,
      is_deletion: readPointer(record, ['payload']) === null,
    };
  }
}

function recordOf({ body }: Match): unknown {
  try {
    return body === undefined ? undefined : parsedRecord(body);
  } catch {
    return undefined;
  }
}
