import type { AggregateFold, AggregateInput } from '@pik/aggregates';
import { at, formatEpochMs, formatInstant, KitError, LIMITS, TOMBSTONE_HASH } from '@pik/schema';
import type { Context } from '../runtime/context.ts';
import { type InputSink, type InputSource, readInto } from './input-source.ts';
import { createPayloadReader } from './payloads.ts';
import type { PayloadPart, WindowInput } from './rules/window-input.ts';
import { type FaultyInput, InputError, type NamedWindow, thrownText, WindowError } from './window-error.ts';

/** EVENT rows read at a time, between two turns of the event loop. */
const ROWS_AT_ONCE = 1_000;

/**
 * Folds the inputs of a window as they arrive. Reads payloads from the raw log, and only for aggregates that use them. An
 * error names the window and the event at which a function threw or whose bytes are unreadable.
 *
 * Slices do not hold entity ids, and few aggregates read them, but loading the rows that hold them takes most of the time.
 * So the first fold runs without entity ids; if a function reads one, the fold loads the rows and starts again.
 */
export class WindowFold implements InputSink {
  readonly #context: Context;
  readonly #named: NamedWindow;
  #read: ReadInputs;
  #folding: AggregateFold | null = null;
  #sample: FaultyInput | null = null;
  #parts = 0;
  /** A function read an entity id that was not loaded. */
  #isEntityAsked = false;
  /** It did so after a part was folded: all inputs have to be read again. */
  #mustRestart = false;

  constructor(context: Context, named: NamedWindow, { withEntities = false } = {}) {
    this.#context = context;
    this.#named = named;
    const ask = (): never => {
      this.#isEntityAsked = true;
      throw new KitError('INTERNAL', 'the entity of this input is not loaded yet');
    };
    const read = withEntities ? withoutPayload(context) : withoutEntity(ask);
    this.#read = named.aggregate.reads_payload ? withPayload(context) : read;
  }

  async add(part: readonly WindowInput[]): Promise<void> {
    if (this.#mustRestart) return;
    this.#sample ??= part[0] ?? null;
    this.#folding ??= this.#begin();
    try {
      await this.#fold(part, this.#folding);
    } catch (error) {
      // If a function read an entity id that was not loaded, its error means nothing: the fold runs again with it.
      if (!this.#isEntityAsked) throw error instanceof InputError ? unreadable(this.#named, error) : error;
    }
    if (!this.#isEntityAsked) {
      this.#parts += 1;
      return;
    }
    if (this.#parts > 0) {
      this.#mustRestart = true;
      return;
    }
    this.#read = withoutPayload(this.#context);
    this.#folding = null;
    this.#isEntityAsked = false;
    await this.add(part);
  }

  /** The value as JSON; null if all inputs have to be read again with entity ids. */
  finish(): string | null {
    if (this.#mustRestart) return null;
    const at = { named: this.#named, sample: this.#sample };
    try {
      const folding = this.#folding ?? this.#begin();
      const text = valueText(
        at,
        own(at, 'finish', () => folding.value()),
      );
      return this.#isEntityAsked ? null : text;
    } catch (error) {
      if (this.#isEntityAsked) return null;
      throw error;
    }
  }

  #begin(): AggregateFold {
    return own({ named: this.#named, sample: this.#sample }, 'initial', () => this.#named.aggregate.begin());
  }

  async #fold(part: readonly WindowInput[], folding: AggregateFold): Promise<void> {
    let read = 0;
    await this.#read(part, (input) => {
      // `#read` passes inputs in order.
      const place = read++;
      try {
        folding.add(input);
      } catch (cause) {
        throw functionThrew(this.#named, at(part, place), cause);
      }
    });
  }
}

/**
 * Returns the value of a window's inputs as JSON.
 *
 * @throws KitError `RAW_MISSING`, `RAW_CORRUPT`, `AGGREGATE_FAILED` if a function throws or the value is not JSON.
 */
export async function foldWindow(context: Context, named: NamedWindow, source: InputSource): Promise<string> {
  return (await foldInto(context, { named, source }, () => [])).value_json;
}

/**
 * Folds a source and passes the same inputs to the sinks that `sinks` makes. If the fold turns out to need entity ids, it
 * reads the source a second time, into new sinks.
 */
export async function foldInto<T extends readonly InputSink[]>(
  context: Context,
  { named, source }: { named: NamedWindow; source: InputSource },
  sinks: () => T,
): Promise<{ value_json: string; sinks: T }> {
  for (const withEntities of [false, true]) {
    const fold = new WindowFold(context, named, { withEntities });
    const others = sinks();
    await readInto(source, [fold, ...others]);
    const value_json = fold.finish();
    if (value_json !== null) return { value_json, sinks: others };
  }
  throw new KitError('INTERNAL', 'a fold with entity ids asks for entity ids');
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

/** Passes each input to `take` as aggregates see it, in order. */
export type ReadInputs = (inputs: readonly WindowInput[], take: (input: AggregateInput) => void) => Promise<void>;

/** Joins an input with its payload part into what aggregates see. */
export function aggregateInput(input: WindowInput, { entity_id, payload }: PayloadPart): AggregateInput {
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

/** An input that calls `ask` when a function reads its entity id. */
function inputWithoutEntity(input: WindowInput, ask: () => never): AggregateInput {
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

function withoutEntity(ask: () => never): ReadInputs {
  return async (inputs, take) => {
    for (const input of inputs) {
      const { entity_id } = input;
      take(entity_id === null ? inputWithoutEntity(input, ask) : aggregateInput(input, { entity_id, payload: null }));
    }
  };
}

function withPayload(context: Context): ReadInputs {
  const read = createPayloadReader(context);
  return (inputs, take) => read(inputs, (input, part) => take(aggregateInput(input, part)));
}

/** Reads the entity id from the event's row if the slice entry does not hold it. */
function withoutPayload({ backend: { index }, budget }: Context): ReadInputs {
  return async (inputs, take) => {
    for (let start = 0; start < inputs.length; start += ROWS_AT_ONCE) {
      if (start > 0) await budget.turn();
      const some = inputs.slice(start, start + ROWS_AT_ONCE);
      const lacksEntity = some.some(({ entity_id }) => entity_id === null);
      const rows = lacksEntity ? await index.getEvents(some.map(({ event_id }) => event_id)) : [];
      for (const [i, input] of some.entries()) {
        const entity_id = input.entity_id ?? rows[i]?.entity_id;
        // The row and its slice are written together and expire together.
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

/** Runs an operator's function that takes no single input. */
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
