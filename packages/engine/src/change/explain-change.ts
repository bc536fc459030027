import {
  type Aggregate,
  type Attributed,
  attributeWhole,
  type ChangeSides,
  classifyInput,
  createAttribution,
  type Difference,
  explainedChange,
  type ListedInput,
  unattributed,
  walkInputs,
} from '@pik/aggregates';
import { at, type ChangeExplanation, type Finding, formatEpochMs, KitError, parseTime } from '@pik/schema';

import type { ChangeQuery } from '../api/pipeline.ts';
import { decodeCursor, encodeCursor } from '../ports/cursor.ts';
import { orExceeded } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { inputFacts, type SidedInput } from './change-facts.ts';
import { attribute, type FoldedInput } from './change-fold.ts';
import { type ChangeTarget, changeTarget, type LoadedSide, loadSides } from './change-sides.ts';
import { lateGroups } from './rules/late-groups.ts';

/**
 * Explains why a value changed: walks the two lists of inputs side by side, classifies each difference by stored facts, and
 * divides the change among the classes. Writes nothing.
 *
 * @throws KitError `VERSION_UNKNOWN`, `METRIC_UNKNOWN`, `REQUEST_INVALID`, `CURSOR_INVALID` for a cursor of another change;
 * for sides that are folded, whatever `computeAggregate` throws; `BUDGET_EXCEEDED` with the name of the window.
 */
export async function explainChange(context: Context, query: ChangeQuery): Promise<ChangeExplanation> {
  const target = changeTarget(context, query);
  const window = `${query.metric}, key ${query.key}, window of ${formatEpochMs(target.window_start_ms)}`;
  const advice = `the change of ${window} cannot be explained in part; the history of its versions has the values`;
  return orExceeded(context.budget, advice, () => explainTarget(context, target, query));
}

async function explainTarget(context: Context, target: ChangeTarget, query: ChangeQuery): Promise<ChangeExplanation> {
  const place = decodeCursor(query.cursor, ['number', 'number', 'string']);
  const [offset, nowMs, hashes] = place ?? [0, context.clock.now(), null];
  const loaded = await loadSides(context, target, { ...query, nowMs });
  const sides = { before: loaded.before.view, after: loaded.after.view };
  const own = `${sides.before.inputs_hash} ${sides.after.inputs_hash}`;
  // A later page must be of the same change as the first one.
  if (hashes !== null && hashes !== own) throw new KitError('CURSOR_INVALID');
  const notes: Finding[] = [];
  const lists = await loadLists(loaded, notes);
  const differences = lists === null ? [] : await findDifferences(context, { lists, sides, notes });
  const attributed =
    lists === null
      ? unattributed('the inputs of a version are no longer known, so no part of the change can be attributed')
      : await attributeChange(context, { loaded, sides, aggregate: target.aggregate, lists, differences });
  for (const one of sideNotes(loaded, target.aggregate)) notes.push(one);
  const { metric, key, limit } = query;
  const cursorAt = (next: number) => encodeCursor([next, nowMs, own]);
  const explained = explainedChange({ metric, key, sides, differences, attributed, limit, offset, cursorAt, notes });
  const compare = lateGroups(explained, target.aggregate);
  return compare == null ? explained : { ...explained, compare };
}

interface Loaded {
  readonly before: LoadedSide;
  readonly after: LoadedSide;
}

interface Lists {
  readonly before: readonly ListedInput[];
  readonly after: readonly ListedInput[];
}

/** Loads both lists of inputs; null if one is unknown. Equal hashes mean equal lists, so neither is loaded. */
async function loadLists({ before, after }: Loaded, notes: Finding[]): Promise<Lists | null> {
  const isEqual = before.view.inputs_hash === after.view.inputs_hash;
  if (isEqual) return { before: [], after: [] };
  const lists = { before: await before.inputs(notes), after: await after.inputs(notes) };
  return lists.before === null || lists.after === null ? null : { before: lists.before, after: lists.after };
}

interface Asked {
  readonly lists: Lists;
  readonly sides: ChangeSides;
  readonly notes: Finding[];
}

async function findDifferences(context: Context, { lists, sides, notes }: Asked): Promise<Difference[]> {
  const found: SidedInput[] = [];
  walkInputs(lists.before, lists.after, (input, side) => {
    if (side !== 'BOTH') found.push({ side, input });
  });
  const { computed_at } = sides.after;
  // A folded side is read from the present index, whatever its as-of time.
  const expiredByMs = computed_at === null ? context.backend.clock.now() : (parseTime(computed_at)?.epoch_ms ?? 0);
  const facts = await inputFacts(context, found, { expiredByMs, notes });
  return found.map(({ side, input }, i) => {
    const known = { side, input, facts: at(facts, i) };
    return { ...known, class: classifyInput(known, sides) };
  });
}

interface Attributing {
  readonly loaded: Loaded;
  readonly sides: ChangeSides;
  readonly aggregate: Aggregate | null;
  readonly lists: Lists;
  readonly differences: readonly Difference[];
}

async function attributeChange(context: Context, asked: Attributing): Promise<Attributed> {
  const { loaded, sides, aggregate, lists, differences } = asked;
  const { before, after } = loaded;
  if (aggregate === null || after.view.definition_hash !== aggregate.definition_hash) {
    // Without the code of the later side, only a change of a single class can be attributed.
    const whole = attributeWhole(sides, differences);
    return whole.why_not === null ? whole : unattributed('this server does not have the definition of the later value');
  }
  const { definition_hash, functions_hash } = aggregate;
  const redefined = before.view.definition_hash !== definition_hash || before.functions_hash !== functions_hash;
  const attribution = createAttribution({ sides, aggregate, differences, redefined });
  const inputs: FoldedInput[] = [];
  // This walk visits the differing inputs in the same order as the first one.
  let visited = 0;
  walkInputs(lists.before, lists.after, (input, side) => {
    if (side !== 'BOTH') inputs.push({ input, difference: at(differences, visited++) });
    else if (attribution.wantsCommon && attribution.wants(input.event_id)) inputs.push({ input, difference: null });
  });
  // A single class explains all of the change: no input is read, unless the event that decides the value is wanted.
  const wanted = attribution.method === 'WHOLE' && !attribution.wantsCommon ? [] : inputs;
  return attribute(context, { aggregate, attribution }, wanted);
}

function sideNotes({ before, after }: Loaded, aggregate: Aggregate | null): Finding[] {
  const notes: Finding[] = [];
  const stale = [before, after].filter(({ view, functions_hash }) => {
    return view.definition_hash === aggregate?.definition_hash && functions_hash !== aggregate.functions_hash;
  });
  if (stale.length > 0) {
    const text =
      'The text of the functions differs from that of a version under the same definition: other code may have computed a value.';
    notes.push({ code: 'FUNCTIONS_CHANGED', text });
  }
  for (const { view } of [before, after]) {
    // NOW is never settled, so a note about it would be noise.
    if (!view.unsettled || view.kind === 'NOW') continue;
    const text = `When the value as of ${view.as_of} was folded, events received by then may still have been on their way into the index.`;
    notes.push({ code: 'UNSETTLED', text });
  }
  return notes;
}
