import type { Aggregate, ListedInput } from '@pik/aggregates';
import type { ChangeSideQuery } from '@pik/schema';
import { type ChangeSide, counted, type Finding, formatEpochMs, KitError, LIMITS, parseTime } from '@pik/schema';
import { foldInto } from '../aggregates/fold-window.ts';
import { openInputs } from '../aggregates/input-source.ts';
import { InputsHash, inputsHash } from '../aggregates/inputs-hash.ts';
import { readManifest } from '../aggregates/manifest-store.ts';
import { windowOf } from '../aggregates/recompute-window.ts';
import { versionView } from '../aggregates/rules/version-view.ts';
import { listedInput, type WindowInput } from '../aggregates/rules/window-input.ts';
import { windowInputs } from '../aggregates/window-inputs.ts';
import { windowAt } from '../aggregates/window-start.ts';
import type { ChangeQuery } from '../api/pipeline.ts';
import type { VersionRow, WindowTarget } from '../ports/history-rows.ts';
import { aggregateOf, type Context, isUnsettled } from '../runtime/context.ts';

/** A loaded side of a change. */
export interface LoadedSide {
  readonly view: ChangeSide;
  /** Differs between sides if other code may have computed the value under an equal definition. */
  readonly functions_hash: string;
  /** Returns its inputs in order, for a version from its manifest; null if they are unknown. */
  inputs(notes: Finding[]): Promise<readonly ListedInput[] | null>;
}

/** The value that the question is about. A metric that is no longer declared keeps its versions. */
export interface ChangeTarget extends WindowTarget {
  readonly aggregate: Aggregate | null;
}

/** Resolves the value of a query. Throws `REQUEST_INVALID`, or `METRIC_UNKNOWN` for a date of a metric that is not declared. */
export function changeTarget(context: Context, { metric, key, window_start }: ChangeQuery): ChangeTarget {
  const aggregate = context.aggregates.get(metric) ?? null;
  // A version keeps the window that it was computed for, even if the metric's windows start elsewhere now.
  const time = parseTime(window_start);
  const whole = time !== null && time.sub_ms_ns === 0;
  const start = whole
    ? time.epoch_ms
    : windowAt(aggregateOf(context, metric), window_start, context.backend.clock).start_ms;
  return { metric, key, window_start_ms: start, aggregate };
}

/** Loads both sides; NOW means `nowMs`. Throws `VERSION_UNKNOWN`, or `REQUEST_INVALID` if the first side is as of a later time. */
export async function loadSides(
  context: Context,
  target: ChangeTarget,
  { from, to, nowMs }: Pick<ChangeQuery, 'from' | 'to'> & { readonly nowMs: number },
): Promise<{ before: LoadedSide; after: LoadedSide }> {
  const [first, second] = from === null || to === null ? await lastTwo(context, target) : [from, to];
  const before = await loadSide(context, target, { side: first, nowMs });
  const after = await loadSide(context, target, { side: second, nowMs });
  if (before.view.as_of > after.view.as_of)
    throw new KitError('REQUEST_INVALID', `from is as of ${before.view.as_of}, which is later than to`, {
      path: '/from',
    });
  return { before, after };
}

async function lastTwo(context: Context, target: ChangeTarget): Promise<[ChangeSideQuery, ChangeSideQuery]> {
  const { version = 0 } = (await context.backend.aggregates.getLatest(target)) ?? {};
  if (version === 0) aggregateOf(context, target.metric);
  if (version < 2) {
    const text = version === 0 ? 'has no version yet' : 'has only one version, so there is nothing to compare it with';
    throw new KitError('VERSION_UNKNOWN', `the value ${text}; name two sides: versions, receive times, or now`);
  }
  return [
    { kind: 'VERSION', version: version - 1 },
    { kind: 'VERSION', version },
  ];
}

function loadSide(
  context: Context,
  target: ChangeTarget,
  { side, nowMs }: { side: ChangeSideQuery; nowMs: number },
): Promise<LoadedSide> {
  if (side.kind === 'VERSION') return versionSide(context, target, side.version);
  const asOfMs = side.kind === 'NOW' ? nowMs : side.asOfMs;
  return foldedSide(context, target, { kind: side.kind, asOfMs });
}

async function versionSide(context: Context, target: ChangeTarget, version: number): Promise<LoadedSide> {
  const { metric, key, window_start_ms } = target;
  const row = await context.backend.aggregates.getVersion({ metric, key, window_start_ms }, version);
  if (row === null) throw new KitError('VERSION_UNKNOWN', `the value has no version ${version}`);
  const { functions_hash } = row;
  return {
    view: versionSideView(row),
    functions_hash,
    inputs: (notes) => versionInputs(context, { target, row, notes }),
  };
}

function versionSideView(row: VersionRow): ChangeSide {
  const view = versionView(row);
  const { version, value, input_count, inputs_hash, definition_version, definition_hash, time_zone } = view;
  const { window_start, window_end, as_of, computed_at, unsettled } = view;
  return {
    kind: 'VERSION',
    version,
    value,
    input_count,
    inputs_hash,
    definition_version,
    definition_hash,
    time_zone,
    window_start,
    window_end,
    as_of,
    computed_at,
    unsettled,
  };
}

interface VersionInputs {
  readonly target: ChangeTarget;
  readonly row: VersionRow;
  readonly notes: Finding[];
}

/** Reads a version's inputs from its manifest. If that is lost, returns those of the index if their hash is the same. */
async function versionInputs(context: Context, asked: VersionInputs): Promise<readonly ListedInput[] | null> {
  const { row, notes } = asked;
  if (row.input_count > LIMITS.window_inputs_max) return tooMany(`Version ${row.version}`, row.input_count, notes);
  try {
    const inputs: ListedInput[] = [];
    for await (const chunk of readManifest(context, row.manifest_key)) {
      for (const input of chunk) inputs.push(input);
      if (inputs.length > row.input_count)
        throw new KitError(
          'MANIFEST_CORRUPT',
          `the manifest ${row.manifest_key} lists more inputs than its version has`,
        );
    }
    return inputs;
  } catch (error) {
    if (!KitError.is(error) || (error.code !== 'MANIFEST_MISSING' && error.code !== 'MANIFEST_CORRUPT')) throw error;
    const { code, message } = error;
    const found = await inputsByHash(context, asked);
    const text =
      found === null
        ? 'its inputs are no longer known'
        : 'its inputs were read from the index, which has a list of the same hash';
    notes.push({ code, text: `Version ${row.version}: ${message}; ${text}.` });
    return found;
  }
}

/** Comparing inputs one by one takes both lists in memory. */
function tooMany(what: string, count: number, notes: Finding[]): null {
  const text = `${what} has ${counted(count, 'input')}; for a window with more than ${LIMITS.window_inputs_max}, only the size of a change is known, not the inputs behind it.`;
  notes.push({ code: 'WINDOW_TOO_LARGE', text });
  return null;
}

async function inputsByHash(context: Context, { target, row }: VersionInputs): Promise<readonly ListedInput[] | null> {
  const { aggregate } = target;
  if (aggregate === null) return null;
  const window = { start_ms: row.window_start_ms, end_ms: row.window_end_ms };
  const inputs = await windowInputs(context, { aggregate, key: row.key, window, asOfMs: row.as_of_ms });
  return inputs !== null && (await inputsHash(inputs, context.budget)) === row.inputs_hash ? listed(inputs) : null;
}

async function foldedSide(
  context: Context,
  target: ChangeTarget,
  { kind, asOfMs }: { kind: 'AS_OF' | 'NOW'; asOfMs: number },
): Promise<LoadedSide> {
  const aggregate = aggregateOf(context, target.metric);
  const window = windowOf(aggregate, target);
  const unsettled = isUnsettled(context, asOfMs);
  const named = { aggregate, key: target.key, window };
  const source = await openInputs(context, { ...named, asOfMs });
  const folded = await foldInto(context, { named, source }, () => [new InputsHash()] as const);
  const figures = folded.sinks[0].figures();
  const { definition_version, definition_hash, functions_hash, time_zone } = aggregate;
  const view: ChangeSide = {
    kind,
    version: null,
    value: JSON.parse(folded.value_json),
    ...figures,
    definition_version,
    definition_hash,
    time_zone,
    window_start: formatEpochMs(window.start_ms),
    window_end: formatEpochMs(window.end_ms),
    as_of: formatEpochMs(asOfMs),
    computed_at: null,
    unsettled,
  };
  const inputs = async (notes: Finding[]) =>
    source.list === null ? tooMany(`The window as of ${view.as_of}`, view.input_count, notes) : listed(source.list);
  return { view, functions_hash, inputs };
}

function listed(inputs: readonly WindowInput[]): ListedInput[] {
  return inputs.map((input) => ({ ...listedInput(input), pack_id: input.pack_id, line: input.line }));
}
