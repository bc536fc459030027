import { at, type Envelope, KitError } from '@pik/schema';

import { receivedPayload } from '../ingest/rules/received-payload.ts';
import type { Context } from '../runtime/context.ts';
import { packText, readBytes } from '../storage/pack-store.ts';
import { decodeLine, type StoredEnvelope } from '../storage/rules/pack-codec.ts';
import type { PayloadPart, WindowInput } from './rules/window-input.ts';
import { atInput } from './window-error.ts';

/** Characters of received bodies in memory at a time; a larger group of inputs is read in smaller ones. */
const BODY_CHARS_MAX = 64 * 1024 * 1024;
/** Stored bytes of packs kept for later groups; packs beyond that are read again. */
const STORED_BYTES_MAX = 64 * 1024 * 1024;

/** Packs kept as lines: the current one, the one being read ahead, and two for inputs of the next group. */
const PACKS_HELD = 4;

/** The address of a receipt and the event that it must be. */
export type PackedInput = Pick<WindowInput, 'event_id' | 'payload_hash' | 'pack_id' | 'line'>;

/** The fields of an input that its pack holds. */
export interface PackedPart extends PayloadPart {
  readonly source: string;
  readonly event_type: string;
  readonly imported: boolean;
}

/** Passes each input to `take` with the fields from its pack, in order. */
export type ReadPacked = <T extends PackedInput>(
  inputs: readonly T[],
  take: (input: T, part: PackedPart) => void,
) => Promise<void>;

/**
 * Returns a reader of payloads from packs. It reads each pack once for all groups of inputs unless the packs exceed its
 * memory limit. A line that is not the expected event is an error, never an empty payload.
 */
export function createPayloadReader(context: Context): ReadPacked {
  const readLines = createPackReader(context);
  return async function read(inputs, take): Promise<void> {
    const found = await readGroup(readLines, inputs);
    if (found === null) {
      const half = Math.ceil(inputs.length / 2);
      await read(inputs.slice(0, half), take);
      await read(inputs.slice(half), take);
      return;
    }
    for (const [i, input] of inputs.entries()) take(input, at(found, i));
  };
}

type ReadLines = (packId: string) => Promise<readonly string[]>;

/** Reads packs as lines and keeps a few, for reading ahead and for groups that share a pack. */
function createPackReader(context: Context): ReadLines {
  const held = new Map<string, Promise<readonly string[]>>();
  const readText = createTextReader(context);
  return (packId) => {
    const lines = held.get(packId) ?? readText(packId).then((text) => text.split('\n'));
    // The caller that awaits it gets the error; a read-ahead may never be awaited.
    lines.catch(() => undefined);
    held.delete(packId);
    held.set(packId, lines);
    for (const oldest of held.keys()) if (held.size > PACKS_HELD) held.delete(oldest);
    return lines;
  };
}

type ReadText = (packId: string) => Promise<string>;

/** Keeps packs compressed, as they are stored: an input of any time may be in any of them. */
function createTextReader(context: Context): ReadText {
  const held = new Map<string, Uint8Array>();
  let heldBytes = 0;
  return async (packId) => {
    const bytes = held.get(packId) ?? (await readBytes(context, packId));
    if (!held.has(packId) && heldBytes + bytes.length <= STORED_BYTES_MAX) {
      held.set(packId, bytes);
      heldBytes += bytes.length;
    }
    return packText(packId, bytes);
  };
}

/** Reads the fields of each input, in order; null if they are too large to hold in memory together. */
async function readGroup(readLines: ReadLines, inputs: readonly PackedInput[]): Promise<PackedPart[] | null> {
  const places = new Map<string, number[]>();
  for (const [i, { pack_id }] of inputs.entries()) {
    const known = places.get(pack_id);
    if (known === undefined) places.set(pack_id, [i]);
    else known.push(i);
  }
  const packIds = [...places.keys()];
  const found: PackedPart[] = new Array(inputs.length);
  let chars = 0;
  for (const [n, packId] of packIds.entries()) {
    const reading = readLines(packId);
    const next = packIds[n + 1];
    if (next !== undefined) readLines(next).catch(() => undefined);
    const ofPack = places.get(packId) ?? [];
    const lines = await reading.catch((error: unknown) => {
      throw atInput(error, at(inputs, at(ofPack, 0)));
    });
    for (const i of ofPack) {
      const input = at(inputs, i);
      const text = lines[input.line] ?? '';
      chars += text.length;
      if (chars > BODY_CHARS_MAX && inputs.length > 1) return null;
      found[i] = packedPart(input, text);
    }
  }
  return found;
}

function packedPart(input: PackedInput, text: string): PackedPart {
  const envelope = parse(text);
  if (envelope?.erased !== undefined)
    throw atInput(new KitError('RECEIPT_ERASED', `an input was erased by ${envelope.erased.erased}`), input);
  const { event_id, payload_hash, entity_id, source, event_type, imported } = envelope ?? {};
  const isEvent = event_id === input.event_id && payload_hash === input.payload_hash;
  if (!isEvent || !entity_id || !source || !event_type || imported === undefined) {
    const place = `line ${input.line} of the pack ${input.pack_id}`;
    throw atInput(new KitError('RAW_CORRUPT', `${place} is not the event ${input.event_id}`), input);
  }
  return { entity_id, source, event_type, imported, payload: payloadIn(envelope as Envelope, input) };
}

function payloadIn(envelope: Envelope, input: PackedInput): unknown {
  try {
    return receivedPayload(envelope);
  } catch (cause) {
    const text = `the body of the event ${input.event_id} cannot be read`;
    throw atInput(new KitError('RAW_CORRUPT', text, { cause }), input);
  }
}

function parse(text: string): StoredEnvelope | null {
  try {
    return decodeLine(text);
  } catch {
    return null;
  }
}
