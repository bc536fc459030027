import { formatEpochMs, formatInstant } from '@pik/schema';

/** One input of a window: the event, and the address of its bytes. Times in ms. */
export interface WindowInput {
  readonly event_id: string;
  readonly source: string;
  readonly event_type: string;
  /** Null if only the log or the event's row holds it. */
  readonly entity_id: string | null;
  readonly event_ms: number;
  readonly event_sub_ns: number;
  readonly received_ms: number;
  readonly payload_hash: string;
  readonly pack_id: string;
  readonly line: number;
}

/** The fields of an input that are hashed and listed. Lists of inputs are in order of event time, then id. */
export interface ListedInput {
  readonly event_id: string;
  readonly payload_hash: string;
  /** Fixed-width UTC. */
  readonly event_time: string;
  readonly received_at: string;
}

/** Compares event times, then ids: the order in which inputs are folded, hashed and listed. */
export function compareInputs(a: WindowInput, b: WindowInput): number {
  if (a.event_ms !== b.event_ms) return a.event_ms - b.event_ms;
  if (a.event_sub_ns !== b.event_sub_ns) return a.event_sub_ns - b.event_sub_ns;
  return a.event_id < b.event_id ? -1 : a.event_id > b.event_id ? 1 : 0;
}

/** Returns the listed fields of an input. */
export function listedInput(input: WindowInput): ListedInput {
  return {
    event_id: input.event_id,
    payload_hash: input.payload_hash,
    event_time: formatInstant(input.event_ms, input.event_sub_ns),
    received_at: formatEpochMs(input.received_ms),
  };
}

/** The RFC 8785 form of one element of the list that `inputs_hash` covers: ASCII without escapes. */
export function hashedElement({ event_id, payload_hash, event_time, received_at }: ListedInput): string {
  return `["${event_id}","${payload_hash}","${event_time}","${received_at}"]`;
}

/** The fields of an input that its index entry lacks. */
export interface PayloadPart {
  readonly entity_id: string;
  readonly payload: unknown;
}
