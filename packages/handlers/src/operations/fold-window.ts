import { type Aggregate, type AggregateInput, formatEpochMs, formatInstant, KitError, LIMITS } from '@pik/schema';

import type { WindowInput } from '../domain/window-input.ts';
import type { Context } from './context.ts';
import { createPayloadReader } from './payloads.ts';

/** Inputs that are held with their payloads at a time. */
const INPUTS_AT_ONCE = 5_000;
/** EVENT rows that are asked for at a time. */
const ROWS_AT_ONCE = 500;

/**
 * The value of a window's inputs, as JSON. Payloads come from the raw log, and only for aggregates that look at them.
 *
 * @throws KitError `RAW_MISSING`, `RAW_CORRUPT`, `AGGREGATE_FAILED` where a function throws or the value is no JSON.
 */
export async function foldWindow(
  context: Context,
  aggregate: Aggregate,
  inputs: readonly WindowInput[],
): Promise<string> {
  const read = aggregate.reads_payload ? createPayloadReader(context) : withoutPayload(context);
  const folding = own(aggregate, () => aggregate.begin());
  for (let start = 0; start < inputs.length; start += INPUTS_AT_ONCE) {
    await read(inputs.slice(start, start + INPUTS_AT_ONCE), (input, rest) => {
      own(aggregate, () => folding.add(aggregateInput(input, rest)));
    });
  }
  return valueText(
    aggregate,
    own(aggregate, () => folding.value()),
  );
}

/** What an input has beside its index entry. */
export interface InputRest {
  readonly entity_id: string;
  readonly payload: unknown;
}

/** Hands over each input with the rest of it, in order. */
export type ReadRest = (
  inputs: readonly WindowInput[],
  take: (input: WindowInput, rest: InputRest) => void,
) => Promise<void>;

function aggregateInput(input: WindowInput, { entity_id, payload }: InputRest): AggregateInput {
  return {
    event_id: input.event_id,
    source: input.source,
    event_type: input.event_type,
    entity_id,
    event_time: formatInstant(input.event_ms, input.event_sub_ns),
    received_at: formatEpochMs(input.received_ms),
    payload,
  };
}

/** Slices do not name entities: where an entry does not say it, the event's own row does. */
function withoutPayload({ backend: { index } }: Context): ReadRest {
  return async (inputs, take) => {
    for (let start = 0; start < inputs.length; start += ROWS_AT_ONCE) {
      const some = inputs.slice(start, start + ROWS_AT_ONCE);
      const unnamed = some.some(({ entity_id }) => entity_id === null);
      const rows = unnamed ? await index.getEvents(some.map(({ event_id }) => event_id)) : [];
      for (const [i, input] of some.entries()) {
        const entity_id = input.entity_id ?? rows[i]?.entity_id;
        // The row and its slice are written together, and expire together.
        if (entity_id === undefined)
          throw new KitError('INDEX_UNAVAILABLE', `the index has no row of the event ${input.event_id}`);
        take(input, { entity_id, payload: null });
      }
    }
  };
}

/** Runs a function of the operator's: what it throws is told as its own failure. */
function own<T>(aggregate: Aggregate, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new KitError('AGGREGATE_FAILED', `a function of ${aggregate.metric} threw: ${text.slice(0, 300)}`, { cause });
  }
}

function valueText(aggregate: Aggregate, value: unknown): string {
  const text = own(aggregate, () => JSON.stringify(value)) as string | undefined;
  if (text === undefined || (typeof value === 'number' && !Number.isFinite(value)))
    throw new KitError('AGGREGATE_FAILED', `the value of ${aggregate.metric} is no JSON`);
  if (Buffer.byteLength(text) > LIMITS.aggregate_value_bytes_max) {
    throw new KitError(
      'AGGREGATE_FAILED',
      `the value of ${aggregate.metric} has more than ${LIMITS.aggregate_value_bytes_max} bytes`,
    );
  }
  return text;
}
