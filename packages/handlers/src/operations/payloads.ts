import { KitError } from '@pik/schema';

import type { Envelope } from '../domain/pack-codec.ts';
import { payloadOf } from '../domain/record-fields.ts';
import type { WindowInput } from '../domain/window-input.ts';
import type { Context } from './context.ts';
import type { InputRest } from './fold-window.ts';
import { packText } from './pack-store.ts';

/** Received bytes that are held at a time; inputs beyond are read in smaller groups. */
const BODY_CHARS_MAX = 64 * 1024 * 1024;

/** Which event a receipt must be, and where it lies. */
export type PackedInput = Pick<WindowInput, 'event_id' | 'payload_hash' | 'pack_id' | 'line'>;

/** What a pack has of an input. */
export interface PackedRest extends InputRest {
  readonly source: string;
  readonly event_type: string;
  readonly imported: boolean;
}

/** Hands over each input with what its pack has of it, in order. */
export type ReadPacked = <T extends PackedInput>(
  inputs: readonly T[],
  take: (input: T, rest: PackedRest) => void,
) => Promise<void>;

/**
 * Reads payloads out of the packs, each pack once per group of inputs. A line that is not the event it should be is an
 * error, never an empty payload.
 */
export function createPayloadReader(context: Context): ReadPacked {
  return async function read(inputs, take): Promise<void> {
    const found = await readGroup(context, inputs);
    if (found === null) {
      const half = Math.ceil(inputs.length / 2);
      await read(inputs.slice(0, half), take);
      await read(inputs.slice(half), take);
      return;
    }
    for (const [i, input] of inputs.entries()) take(input, found[i] as PackedRest);
  };
}

/** The rest of each input, in their order; null where they are too large to be held together. */
async function readGroup(context: Context, inputs: readonly PackedInput[]): Promise<PackedRest[] | null> {
  const places = new Map<string, number[]>();
  for (const [i, { pack_id }] of inputs.entries()) {
    const known = places.get(pack_id);
    if (known === undefined) places.set(pack_id, [i]);
    else known.push(i);
  }
  const found: PackedRest[] = new Array(inputs.length);
  let chars = 0;
  for (const [packId, wanted] of places) {
    const lines = (await packText(context, packId)).split('\n');
    for (const i of wanted) {
      const input = inputs[i] as PackedInput;
      const text = lines[input.line] ?? '';
      chars += text.length;
      if (chars > BODY_CHARS_MAX && inputs.length > 1) return null;
      found[i] = restOf(input, text);
    }
  }
  return found;
}

function restOf(input: PackedInput, text: string): PackedRest {
  const envelope = parse<Envelope>(text);
  const { event_id, payload_hash, entity_id, source, event_type, imported, body } = envelope ?? {};
  const isEvent = event_id === input.event_id && payload_hash === input.payload_hash;
  if (!isEvent || !entity_id || !source || !event_type || imported === undefined || body === undefined) {
    const place = `line ${input.line} of the pack ${input.pack_id}`;
    throw new KitError('RAW_CORRUPT', `${place} is not the event ${input.event_id}`);
  }
  const record = parse<Record<string, unknown>>(body);
  if (record === null) throw new KitError('RAW_CORRUPT', `the body of the event ${input.event_id} is not JSON`);
  return { entity_id, source, event_type, imported, payload: payloadOf(record) };
}

function parse<T>(text: string): T | null {
  try {
    return JSON.parse(text) as T;
  } catch {
    return null;
  }
}
