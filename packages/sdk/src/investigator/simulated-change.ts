import {
  type Aggregate,
  type ChangeSides,
  createAttribution,
  type Difference,
  explainedChange,
  walkInputs,
} from '@pik/aggregates';
import {
  type ChangeClass,
  type ChangeExplanation,
  type ChangeSide,
  counted,
  type Finding,
  formatEpochMs,
  MS_PER_HOUR,
} from '@pik/schema';

import type { SimulationRange } from './simulation-range.ts';
import { addressOf, type SimulatedInput } from './what-if.ts';

/** A window with its inputs in order. */
export interface GatheredWindow {
  readonly key: string;
  readonly start_ms: number;
  readonly end_ms: number;
  readonly inputs: readonly SimulatedInput[];
}

/** A hypothesis, and the cause of each difference. */
export interface Tried {
  readonly aggregate: Aggregate;
  readonly tried: Aggregate;
  readonly causes: ReadonlyMap<string, ChangeClass>;
  readonly range: SimulationRange;
  /** Number of events with more receipts than are stored one by one. */
  readonly cut: number;
  readonly limit: number;
}

/**
 * Explains every window whose value differs, sorted by key and window. With different time zones, days are matched by
 * calendar date.
 */
export function explainSimulated(
  asked: Tried,
  windows: { before: readonly GatheredWindow[]; after: readonly GatheredWindow[] },
): ChangeExplanation[] {
  const pairs = new Map<string, { before?: GatheredWindow; after?: GatheredWindow }>();
  for (const side of ['before', 'after'] as const) {
    const aggregate = side === 'before' ? asked.aggregate : asked.tried;
    for (const window of windows[side]) {
      const name = JSON.stringify([window.key, labelOf(aggregate, window.start_ms)]);
      pairs.set(name, { ...pairs.get(name), [side]: window });
    }
  }
  const whole = [...pairs.values()].map(({ before, after }) => ({
    before: before ?? emptyLike(asked.aggregate, asked.tried, after as GatheredWindow),
    after: after ?? emptyLike(asked.tried, asked.aggregate, before as GatheredWindow),
  }));
  const changes = whole.map((pair) => explainPair(asked, pair)).filter(isChange);
  return changes.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.window_start < b.window_start ? -1 : 1));
}

function isChange({ events_total, before, after }: ChangeExplanation): boolean {
  return events_total > 0 || JSON.stringify(before.value) !== JSON.stringify(after.value);
}

/** Label of a window: the date of a day in its own zone; the start of an hour. */
function labelOf({ window, time_zone }: Aggregate, startMs: number): string {
  if (window === 'hour') return String(startMs);
  return new Intl.DateTimeFormat('sv-SE', { timeZone: time_zone, dateStyle: 'short' }).format(startMs);
}

/** An empty window that corresponds to one of another definition. */
function emptyLike(own: Aggregate, other: Aggregate, like: GatheredWindow): GatheredWindow {
  const label = labelOf(other, like.start_ms);
  const middle = (like.start_ms + like.end_ms) / 2;
  const around = [0, -12, 12, -24, 24].map((hours) => own.windows.at(middle + hours * MS_PER_HOUR));
  const window = around.find(({ start_ms }) => labelOf(own, start_ms) === label) ?? own.windows.at(like.start_ms);
  return { key: like.key, ...window, inputs: [] };
}

interface Pair {
  readonly before: GatheredWindow;
  readonly after: GatheredWindow;
}

function explainPair(asked: Tried, { before, after }: Pair): ChangeExplanation {
  const { aggregate, tried, causes, limit } = asked;
  const sides: ChangeSides = {
    before: sideOf(aggregate, before, asked.range),
    after: sideOf(tried, after, asked.range),
  };
  const differences: Difference[] = [];
  const merged: [SimulatedInput, Difference | null][] = [];
  walkInputs<SimulatedInput>(before.inputs, after.inputs, (one, side) => {
    if (side === 'BOTH') return merged.push([one, null]);
    const name = causes.get(addressOf(one)) ?? 'DEFINITION';
    const difference: Difference = { side, class: name, input: one, facts: one.facts };
    differences.push(difference);
    return merged.push([one, difference]);
  });
  const redefined = aggregate !== tried;
  const attribution = createAttribution({ sides, aggregate: tried, differences, redefined });
  for (const [{ input, event_id }, difference] of merged) {
    if (difference !== null || (attribution.wantsCommon && attribution.wants(event_id)))
      attribution.add(input, difference);
  }
  const attributed = attribution.finish();
  const notes = notesOf(asked, [before, after]);
  return explainedChange({ metric: tried.metric, key: after.key, sides, differences, attributed, limit, notes });
}

function notesOf({ range, cut }: Tried, windows: readonly GatheredWindow[]): Finding[] {
  const notes: Finding[] = [];
  if (windows.some(({ start_ms, end_ms }) => start_ms < range.startMs || end_ms > range.endMs))
    notes.push({ code: 'WINDOW_CUT', text: 'The selected range cuts the window, which may lack inputs.' });
  if (cut > 0) {
    const text = `${counted(cut, 'event')} may have more receipts than are stored one by one.`;
    notes.push({ code: 'DELIVERIES_CUT', text });
  }
  return notes;
}

function sideOf(aggregate: Aggregate, window: GatheredWindow, { asOf }: SimulationRange): ChangeSide {
  const { definition_version, definition_hash, time_zone } = aggregate;
  return {
    kind: 'SIMULATED',
    version: null,
    value: aggregate.fold(window.inputs.map(({ input }) => input)),
    input_count: window.inputs.length,
    inputs_hash: null,
    definition_version,
    definition_hash,
    time_zone,
    window_start: formatEpochMs(window.start_ms),
    window_end: formatEpochMs(window.end_ms),
    as_of: asOf,
    computed_at: null,
    unsettled: false,
  };
}
