import { type Aggregate, aggregateKey, compareListed, countsEvent } from '@pik/aggregates';
import { type ChangeExplanation, formatEpochMs, type RawEvent } from '@pik/schema';
import { explainSimulated, type GatheredWindow } from './simulated-change.ts';
import type { SimulationRange } from './simulation-range.ts';
import { epochMs, receiptsOf, type SimulatedInput, triedDefinition, tryInputs, type WhatIf } from './what-if.ts';

/** A value that a definition gives over stored events. Nothing was written. */
export interface SimulatedWindow {
  readonly metric: string;
  readonly key: string;
  readonly window_start: string;
  readonly window_end: string;
  readonly value: unknown;
  readonly input_count: number;
  /** False if the selection's time range cuts the window, which may then lack inputs. */
  readonly whole: boolean;
}

/** Result of a simulation. */
export interface Simulation {
  /** Windows in order of key, then start; those of the hypothesis if there is one. */
  readonly windows: readonly SimulatedWindow[];
  readonly events: number;
  /** Explanations of the windows that the hypothesis changes; empty without one. */
  readonly changes: readonly ChangeExplanation[];
}

/** A hypothesis, and how many events and units each change lists. */
export interface Trial {
  readonly whatIf: WhatIf;
  readonly limit: number;
}

/** Folds raw events in this process, with the processor's windows, order and functions. Holds all of them in memory. */
export async function foldEvents(
  aggregate: Aggregate,
  events: AsyncIterable<RawEvent>,
  { range, trial }: { range: SimulationRange; trial: Trial | null },
): Promise<Simulation> {
  const received: [SimulatedInput, ...SimulatedInput[]][] = [];
  let cut = 0;
  for await (const event of events) {
    received.push(receiptsOf(event));
    if (event.deliveries_cut === true) cut += 1;
  }
  const tried = triedDefinition(aggregate, trial?.whatIf ?? {});
  const { before, after, causes } = tryInputs(received, tried, trial?.whatIf ?? {});
  const windows = gather(tried, after);
  const whole = ({ start_ms, end_ms }: GatheredWindow) => range.startMs <= start_ms && end_ms <= range.endMs;
  const changes =
    trial === null
      ? []
      : explainSimulated(
          { aggregate, tried, causes, range, cut, limit: trial.limit },
          { before: gather(aggregate, before), after: windows },
        );
  return {
    windows: windows.map((window) => ({ ...simulated(tried, window), whole: whole(window) })),
    events: received.length,
    changes,
  };
}

/** Groups the inputs by key and window, in order of key, then start. */
function gather(aggregate: Aggregate, inputs: readonly SimulatedInput[]): GatheredWindow[] {
  const gathered = new Map<string, GatheredWindow & { inputs: SimulatedInput[] }>();
  for (const one of inputs) {
    if (!countsEvent(aggregate, one.input)) continue;
    const key = aggregateKey(aggregate.group_by, one.input);
    const window = aggregate.windows.at(epochMs(one.event_time));
    const name = JSON.stringify([key, window.start_ms]);
    const known = gathered.get(name);
    if (known === undefined) gathered.set(name, { key, ...window, inputs: [one] });
    else known.inputs.push(one);
  }
  for (const { inputs: own } of gathered.values()) own.sort(compareListed);
  return [...gathered.values()].sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.start_ms - b.start_ms));
}

function simulated(aggregate: Aggregate, window: GatheredWindow): Omit<SimulatedWindow, 'whole'> {
  const { key, start_ms, end_ms, inputs } = window;
  return {
    metric: aggregate.metric,
    key,
    window_start: formatEpochMs(start_ms),
    window_end: formatEpochMs(end_ms),
    value: aggregate.fold(inputs.map(({ input }) => input)),
    input_count: inputs.length,
  };
}
