import { type Difference, type InputFacts, type ListedInput, plainFields } from '@pik/aggregates';
import { at, counted, type Finding, flagBit, KitError, LIMITS, packStoredMs } from '@pik/schema';
import { createPayloadReader, type PackedPart } from '../aggregates/payloads.ts';
import type { EventRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';

/** EVENT rows read at a time. */
const ROWS_AT_ONCE = 500;

/** An input that only one side has, before it is classified. */
export type SidedInput = Pick<Difference, 'side' | 'input'>;

/**
 * Returns the facts that index and log hold about each input, in order. Reads the payloads of the first
 * `change_payloads_max` for their short scalar fields. Facts that are stored nowhere any more are null, and a note says so.
 */
export async function inputFacts(
  context: Context,
  inputs: readonly SidedInput[],
  { expiredByMs, notes }: { expiredByMs: number; notes: Finding[] },
): Promise<InputFacts[]> {
  const facts: InputFacts[] = [];
  for (let start = 0; start < inputs.length; start += ROWS_AT_ONCE) {
    const some = inputs.slice(start, start + ROWS_AT_ONCE);
    const rows = await context.backend.index.getEvents(some.map(({ input }) => input.event_id));
    for (const [i, { input }] of some.entries())
      facts.push(factsOf(context, { input, row: rows[i] ?? null, expiredByMs }));
  }
  await addPacked(context, { inputs, facts, notes });
  return facts;
}

interface RowFacts {
  readonly input: ListedInput;
  readonly row: EventRow | null;
  readonly expiredByMs: number;
}

function factsOf(context: Context, { input, row, expiredByMs }: RowFacts): InputFacts {
  if (row !== null && row.pack_id === input.pack_id && row.line === input.line) {
    const { source, event_type, entity_id, flags } = row;
    const imported = (flags & flagBit('IMPORTED')) !== 0;
    return { source, event_type, entity_id, imported, present: true, fields: null };
  }
  const ended = packStoredMs(input.pack_id) + context.indexRetentionMs <= expiredByMs;
  const cameAgain = row !== null && (row.flags & flagBit('AFTER_EXPIRY')) !== 0;
  const present = ended || cameAgain ? false : null;
  const superseded = present === null && row !== null && (row.rank !== null || row.answered !== 'ACCEPTED');
  return { source: null, event_type: null, entity_id: null, imported: null, present, superseded, fields: null };
}

interface Packed {
  readonly inputs: readonly SidedInput[];
  /** In the order of the inputs; filled in place. */
  readonly facts: InputFacts[];
  readonly notes: Finding[];
}

/** Reads from the packs the facts whose rows are gone, and the fields of payloads. */
async function addPacked(context: Context, { inputs, facts, notes }: Packed): Promise<void> {
  const read = createPayloadReader(context);
  let unread = 0;
  for (const places of placesByPack(inputs, facts)) {
    const wanted = places.map((place) => ({ ...at(inputs, place).input, place }));
    try {
      await read(wanted, ({ place }, part) => {
        facts[place] = withPacked(at(facts, place), part);
      });
    } catch (error) {
      if (!KitError.is(error) || (error.code !== 'RAW_MISSING' && error.code !== 'RAW_CORRUPT')) throw error;
      if (unread === 0)
        notes.push({ code: error.code, text: `${error.message}; the same may be true of other packs.` });
      unread += places.length;
    }
  }
  const gone = facts.filter(({ entity_id }) => entity_id === null).length;
  if (gone > 0)
    notes.push({
      code: 'EVENTS_GONE',
      text: `Neither the index nor the log has the event of ${counted(gone, 'input')}.`,
    });
  if (inputs.length > LIMITS.change_payloads_max) {
    const text = `Payload fields were read for the first ${LIMITS.change_payloads_max} of ${inputs.length} inputs only.`;
    notes.push({ code: 'PAYLOADS_CUT', text });
  }
}

/** Groups the places of the inputs to read by their pack. */
function placesByPack(inputs: readonly SidedInput[], facts: readonly InputFacts[]): Iterable<number[]> {
  const found = new Map<string, number[]>();
  for (const [place, { input }] of inputs.entries()) {
    if (place >= LIMITS.change_payloads_max && facts[place]?.entity_id !== null) continue;
    const known = found.get(input.pack_id);
    if (known === undefined) found.set(input.pack_id, [place]);
    else known.push(place);
  }
  return found.values();
}

function withPacked(facts: InputFacts, { source, event_type, entity_id, imported, payload }: PackedPart): InputFacts {
  const { present, superseded = false } = facts;
  return { source, event_type, entity_id, imported, present, superseded, fields: plainFields(payload) };
}
