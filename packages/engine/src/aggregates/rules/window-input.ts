import { formatEpochMs, formatInstant } from '@pik/schema';

/** One input of a window: which event, and where its bytes lie. Times in ms. */
export interface WindowInput {
  readonly event_id: string;
  readonly source: string;
  readonly event_type: string;
  /** Null where only the log or the event's own row can tell. */
  readonly entity_id: string | null;
  readonly event_ms: number;
  readonly event_sub_ns: number;
  readonly received_ms: number;
  readonly payload_hash: string;
  readonly pack_id: string;
  readonly line: number;
}

/** What of an input is hashed and listed: event time, then id, is the order of all lists of inputs. */
export interface ListedInput {
  readonly event_id: string;
  readonly payload_hash: string;
  /** Fixed-width UTC. */
  readonly event_time: string;
  readonly received_at: string;
}

/** Order of event time, then id: the order in which inputs are folded, hashed and listed. */
export function compareInputs(a: WindowInput, b: WindowInput): number {
  if (a.event_ms !== b.event_ms) return a.event_ms - b.event_ms;
  if (a.event_sub_ns !== b.event_sub_ns) return a.event_sub_ns - b.event_sub_ns;
  return a.event_id < b.event_id ? -1 : a.event_id > b.event_id ? 1 : 0;
}

/** An input as lists of inputs have it. */
export function listedInput(input: WindowInput): ListedInput {
  return {
    event_id: input.event_id,
    payload_hash: input.payload_hash,
    event_time: formatInstant(input.event_ms, input.event_sub_ns),
    received_at: formatEpochMs(input.received_ms),
  };
}

/** The RFC 8785 form of one element of the list that `inputs_hash` is taken over: ASCII without escapes. */
export function hashedElement({ event_id, payload_hash, event_time, received_at }: ListedInput): string {
  return `["${event_id}","${payload_hash}","${event_time}","${received_at}"]`;
}
