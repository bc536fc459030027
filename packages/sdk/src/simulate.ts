import {
  type Aggregate,
  type AggregateInput,
  aggregateKey,
  formatEpochMs,
  parseTime,
  type RawEvent,
} from '@pik/schema';

/** A value that a definition gives over stored events. Nothing was written. */
export interface SimulatedWindow {
  readonly metric: string;
  readonly key: string;
  readonly window_start: string;
  readonly window_end: string;
  readonly value: unknown;
  readonly input_count: number;
  /** False where the selection's time range cuts the window, so that it may lack inputs. */
  readonly whole: boolean;
}

/** What a definition gives over a selection. */
export interface Simulation {
  /** In order of key, then window. */
  readonly windows: readonly SimulatedWindow[];
  readonly events: number;
}

interface Gathered {
  readonly key: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly inputs: AggregateInput[];
}

/** Folds raw events in this process: the same windows, order and functions as the processor's. Holds all of them. */
export async function foldEvents(
  aggregate: Aggregate,
  events: AsyncIterable<RawEvent>,
  range: { startMs: number; endMs: number },
): Promise<Simulation> {
  const gathered = new Map<string, Gathered>();
  let count = 0;
  for await (const event of events) {
    count += 1;
    const input = inputOf(event);
    const key = aggregateKey(aggregate.group_by, input);
    const window = aggregate.windows.at(parseTime(input.event_time)?.epoch_ms ?? 0);
    const name = JSON.stringify([key, window.start_ms]);
    const known = gathered.get(name);
    if (known === undefined) gathered.set(name, { key, ...window, inputs: [input] });
    else known.inputs.push(input);
  }
  const windows = [...gathered.values()].sort((a, b) =>
    a.key < b.key ? -1 : a.key > b.key ? 1 : a.start_ms - b.start_ms,
  );
  const whole = ({ start_ms, end_ms }: Gathered) => range.startMs <= start_ms && end_ms <= range.endMs;
  return {
    windows: windows.map((window) => ({ ...simulated(aggregate, window), whole: whole(window) })),
    events: count,
  };
}

function simulated(aggregate: Aggregate, { key, start_ms, end_ms, inputs }: Gathered): Omit<SimulatedWindow, 'whole'> {
  return {
    metric: aggregate.metric,
    key,
    window_start: formatEpochMs(start_ms),
    window_end: formatEpochMs(end_ms),
    value: aggregate.fold(inputs.sort(inOrder)),
    input_count: inputs.length,
  };
}

/** Order of event time, then id; fixed-width texts. */
function inOrder(a: AggregateInput, b: AggregateInput): number {
  const [one, other] = [a.event_time + a.event_id, b.event_time + b.event_id];
  return one < other ? -1 : one > other ? 1 : 0;
}

function inputOf({ body, ...event }: RawEvent): AggregateInput {
  const { event_id, source, event_type, entity_id, event_time, received_at } = event;
  return { event_id, source, event_type, entity_id, event_time, received_at, payload: payloadOf(body) };
}

/** The payload of a received text: under the kit's own name, or under that of CloudEvents. */
function payloadOf(body: string): unknown {
  const record = JSON.parse(body) as Record<string, unknown>;
  return Object.hasOwn(record, 'specversion') && !Object.hasOwn(record, 'event_type') ? record.data : record.payload;
}
