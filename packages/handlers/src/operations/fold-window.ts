import { setImmediate } from 'node:timers/promises';

import { type AggregateInput, formatEpochMs, formatInstant, KitError, LIMITS, TOMBSTONE_HASH } from '@pik/schema';

import type { WindowInput } from '../domain/window-input.ts';
import type { Context } from './context.ts';
import { createPayloadReader } from './payloads.ts';
import { type FaultyInput, InputError, type NamedWindow, thrownText, WindowError } from './window-error.ts';

/** Inputs that are held with their payloads at a time: those of one group read each pack once. */
const INPUTS_AT_ONCE = 25_000;
/** EVENT rows that are asked for at a time, between two turns of the event loop. */
const ROWS_AT_ONCE = 1_000;

/**
 * The value of a window's inputs, as JSON. Payloads come from the raw log, and only for aggregates that look at them.
 * An error names the window, and the event at which a function threw or whose bytes cannot be read.
 *
 * @throws KitError `RAW_MISSING`, `RAW_CORRUPT`, `AGGREGATE_FAILED` where a function throws or the value is not JSON.
 */
export async function foldWindow(
  context: Context,
  named: NamedWindow,
  inputs: readonly WindowInput[],
): Promise<string> {
  if (named.aggregate.reads_payload) return fold(named, inputs, withPayload(context));
  return (await foldUnnamed(named, inputs)) ?? fold(named, inputs, withoutPayload(context));
}

/**
 * Slices do not name entities, and few values depend on them; to read the rows that do takes longer than all the rest. So
 * the first try is without: null where a function asks for an entity, and then its error is of no account.
 */
async function foldUnnamed(named: NamedWindow, inputs: readonly WindowInput[]): Promise<string | null> {
  let asked = false;
  const ask = (): never => {
    asked = true;
    throw new KitError('INTERNAL', 'the entity of this input is not known yet');
  };
  try {
    const value = await fold(named, inputs, async (some, take) => {
      for (const input of some) {
        const { entity_id } = input;
        take(entity_id === null ? unnamedInput(input, ask) : aggregateInput(input, { entity_id, payload: null }));
      }
    });
    return asked ? null : value;
  } catch (error) {
    if (asked) return null;
    throw error;
  }
}

async function fold(named: NamedWindow, inputs: readonly WindowInput[], read: ReadInputs): Promise<string> {
  const sample = inputs[0] ?? null;
  const folding = own({ named, sample }, 'initial', () => named.aggregate.begin());
  try {
    for (let start = 0; start < inputs.length; start += INPUTS_AT_ONCE) {
      if (start > 0) await setImmediate();
      let at = start;
      await read(inputs.slice(start, start + INPUTS_AT_ONCE), (input) => {
        // They are handed over in their order.
        const place = at++;
        try {
          folding.add(input);
        } catch (cause) {
          throw functionThrew(named, inputs[place] as WindowInput, cause);
        }
      });
    }
  } catch (error) {
    throw error instanceof InputError ? unreadable(named, error) : error;
  }
  return valueText(
    { named, sample },
    own({ named, sample }, 'finish', () => folding.value()),
  );
}

function functionThrew(named: NamedWindow, input: WindowInput, cause: unknown): WindowError {
  const thrown = thrownText(cause);
  const reason = `a function threw at the event ${input.event_id} of ${input.source} ${input.event_type}: ${thrown}`;
  const logged = `a function threw: ${thrown}`;
  return new WindowError(named, { code: 'AGGREGATE_FAILED', reason, logged, input }, { cause });
}

function unreadable(named: NamedWindow, { code, message: reason, input, cause }: InputError): WindowError {
  return new WindowError(named, { code, reason, logged: code, input }, { cause });
}

/** What an input has beside its index entry. */
export interface InputRest {
  readonly entity_id: string;
  readonly payload: unknown;
}

/** Hands over each input as aggregates see it, in order. */
export type ReadInputs = (inputs: readonly WindowInput[], take: (input: AggregateInput) => void) => Promise<void>;

/** An input with the rest of it, as aggregates see it. */
export function aggregateInput(input: WindowInput, { entity_id, payload }: InputRest): AggregateInput {
  return {
    event_id: input.event_id,
    source: input.source,
    event_type: input.event_type,
    entity_id,
    event_time: formatInstant(input.event_ms, input.event_sub_ns),
    received_at: formatEpochMs(input.received_ms),
    payload,
    deleted: input.payload_hash === TOMBSTONE_HASH,
  };
}

/** The same with an entity that is asked for when a function looks at it, and not before. */
function unnamedInput(input: WindowInput, ask: () => never): AggregateInput {
  return {
    event_id: input.event_id,
    source: input.source,
    event_type: input.event_type,
    get entity_id() {
      return ask();
    },
    set entity_id(_) {
      ask();
    },
    event_time: formatInstant(input.event_ms, input.event_sub_ns),
    received_at: formatEpochMs(input.received_ms),
    payload: null,
    deleted: input.payload_hash === TOMBSTONE_HASH,
  };
}

function withPayload(context: Context): ReadInputs {
  const read = createPayloadReader(context);
  return (inputs, take) => read(inputs, (input, rest) => take(aggregateInput(input, rest)));
}

/** Slices do not name entities: where an entry does not say it, the event's own row does. */
function withoutPayload({ backend: { index } }: Context): ReadInputs {
  return async (inputs, take) => {
    for (let start = 0; start < inputs.length; start += ROWS_AT_ONCE) {
      if (start > 0) await setImmediate();
      const some = inputs.slice(start, start + ROWS_AT_ONCE);
      const unnamed = some.some(({ entity_id }) => entity_id === null);
      const rows = unnamed ? await index.getEvents(some.map(({ event_id }) => event_id)) : [];
      for (const [i, input] of some.entries()) {
        const entity_id = input.entity_id ?? rows[i]?.entity_id;
        // The row and its slice are written together, and expire together.
        if (entity_id === undefined)
          throw new KitError('INDEX_UNAVAILABLE', `the index has no row of the event ${input.event_id}`);
        take(aggregateInput(input, { entity_id, payload: null }));
      }
    }
  };
}

interface Folded {
  readonly named: NamedWindow;
  readonly sample: FaultyInput | null;
}

/** Runs a function of the operator's that no single input is handed to. */
function own<T>({ named, sample }: Folded, name: 'initial' | 'finish', work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const reason = `${name} threw ${thrownText(cause)}`;
    throw new WindowError(named, { code: 'AGGREGATE_FAILED', reason, sample }, { cause });
  }
}

function valueText({ named, sample }: Folded, value: unknown): string {
  const failed = (reason: string) => new WindowError(named, { code: 'AGGREGATE_FAILED', reason, sample });
  const text = own({ named, sample }, 'finish', () => JSON.stringify(value)) as string | undefined;
  if (text === undefined || (typeof value === 'number' && !Number.isFinite(value)))
    throw failed('the value is not JSON');
  if (Buffer.byteLength(text) > LIMITS.aggregate_value_bytes_max)
    throw failed(`the value has more than ${LIMITS.aggregate_value_bytes_max} bytes`);
  return text;
}
