import {
  type Aggregate,
  type AggregateInput,
  type Attributed,
  type Attribution,
  type Difference,
  type ListedInput,
  unattributed,
} from '@pik/aggregates';
import { at, KitError, TOMBSTONE_HASH } from '@pik/schema';
import { createPayloadReader, type PackedPart } from '../aggregates/payloads.ts';
import { thrownText } from '../aggregates/window-error.ts';
import type { Context } from '../runtime/context.ts';

/** Inputs held with their payloads at a time; the reader of packs bounds their bytes. */
const INPUTS_AT_ONCE = 50_000;
/** EVENT rows read at a time. */
const ROWS_AT_ONCE = 500;

/** An input for the folds of an attribution. */
export interface FoldedInput {
  readonly input: ListedInput;
  readonly difference: Difference | null;
}

/** Feeds an attribution the inputs that it wants, in order. If they cannot be read, no parts are known. */
export async function attribute(
  context: Context,
  { aggregate, attribution }: { aggregate: Aggregate; attribution: Attribution },
  inputs: readonly FoldedInput[],
): Promise<Attributed> {
  let eventId: string | null = null;
  try {
    for (let start = 0; start < inputs.length; start += INPUTS_AT_ONCE) {
      await readInputs(
        context,
        { aggregate, some: inputs.slice(start, start + INPUTS_AT_ONCE) },
        (input, difference) => {
          eventId = input.event_id;
          attribution.add(input, difference);
          eventId = null;
        },
      );
      await context.budget.turn();
    }
    return attribution.finish();
  } catch (error) {
    if (KitError.is(error)) {
      if (error.code === 'RAW_MISSING' || error.code === 'RAW_CORRUPT') return unattributed(error.message);
      throw error;
    }
    const where = eventId === null ? '' : ` at the event ${eventId}`;
    return unattributed(`a function of ${aggregate.metric} threw${where}: ${thrownText(error)}`);
  }
}

type Take = (input: AggregateInput, difference: Difference | null) => void;
type EventPart = Pick<PackedPart, 'source' | 'event_type' | 'entity_id' | 'payload'>;

/** Passes inputs to `take` in order: from packs if the aggregate reads payloads, otherwise from rows or, if gone, packs. */
async function readInputs(
  context: Context,
  { aggregate, some }: { aggregate: Aggregate; some: readonly FoldedInput[] },
  take: Take,
): Promise<void> {
  const parts: (EventPart | null)[] = aggregate.reads_payload ? some.map(() => null) : await rowParts(context, some);
  const missing = parts.flatMap((part, place) => {
    return part === null ? [{ ...at(some, place).input, place }] : [];
  });
  const read = createPayloadReader(context);
  await read(missing, ({ place }, { source, event_type, entity_id, payload }) => {
    parts[place] = { source, event_type, entity_id, payload: aggregate.reads_payload ? payload : null };
  });
  for (const [place, { input, difference }] of some.entries()) {
    const { event_id, event_time, received_at, payload_hash } = input;
    const deleted = payload_hash === TOMBSTONE_HASH;
    take({ event_id, event_time, received_at, ...(parts[place] as EventPart), deleted }, difference);
  }
}

async function rowParts(context: Context, inputs: readonly FoldedInput[]): Promise<(EventPart | null)[]> {
  const parts: (EventPart | null)[] = [];
  for (let start = 0; start < inputs.length; start += ROWS_AT_ONCE) {
    const some = inputs.slice(start, start + ROWS_AT_ONCE);
    const unknown = some.filter(({ difference }) => difference?.facts.entity_id == null);
    const rows = await context.backend.index.getEvents(unknown.map(({ input }) => input.event_id));
    const byId = new Map(rows.flatMap((row) => (row === null ? [] : [[row.event_id, row] as const])));
    // These fields are part of the identity, so they are the same whichever receipt the row is from.
    for (const { input, difference } of some)
      parts.push(eventPart(difference?.facts ?? null, byId.get(input.event_id)));
  }
  return parts;
}

function eventPart(facts: Difference['facts'] | null, row: Omit<EventPart, 'payload'> | undefined): EventPart | null {
  const { source, event_type, entity_id } = facts ?? {};
  if (source != null && event_type != null && entity_id != null)
    return { source, event_type, entity_id, payload: null };
  if (row === undefined) return null;
  return { source: row.source, event_type: row.event_type, entity_id: row.entity_id, payload: null };
}
