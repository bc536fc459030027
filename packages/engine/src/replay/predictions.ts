import type { Aggregate } from '@pik/aggregates';
import { KitError, type Window } from '@pik/schema';
import { foldWindow } from '../aggregates/fold-window.ts';
import { openInputs } from '../aggregates/input-source.ts';
import { inputsFigures } from '../aggregates/inputs-hash.ts';
import { readManifest } from '../aggregates/manifest-store.ts';
import { isSame } from '../aggregates/recompute-window.ts';
import type { VersionRow, WindowTarget } from '../ports/history-rows.ts';
import { isOfQuestion } from '../runtime/budget.ts';
import { type Context, isUnsettled } from '../runtime/context.ts';
import { windowName } from './rules/replay-message.ts';

/** The predicted value of a window. */
export interface Prediction {
  readonly inputs_hash: string;
  readonly input_count: number;
  /** Null if the latest version has the same inputs and definition. */
  readonly value_json: string | null;
}

/** A window of a dry run with its latest version. */
export interface PredictionQuestion {
  readonly aggregate: Aggregate;
  readonly target: WindowTarget;
  readonly window: Window;
  readonly latest: VersionRow | null;
}

/** Predicts the windows of one stretch of a dry run. */
export interface Predictions {
  /** Predicts a window. Throws what reading and folding its inputs throws. */
  get(question: PredictionQuestion): Promise<Prediction>;
  /** The ids that a version's manifest lists; those of a large manifest are read once per dry run. */
  listedIds(version: VersionRow): Promise<ReadonlySet<string>>;
}

/** A window of fewer inputs is not cached: few stretches touch it, and it is quick to compute again. */
const INPUTS_MIN = 10;
/** Windows and characters of values cached per dry run; beyond that, values are computed again. */
const WINDOWS_MAX = 20_000;
const CHARS_MAX = 4_000_000;
/** Ids of manifests cached per dry run. */
const IDS_MAX = 500_000;
/** Dry runs whose caches are kept for a next call. */
const PLACES_MAX = 16;

interface Memory {
  readonly windows: Map<string, Prediction | KitError>;
  readonly listed: Map<string, ReadonlySet<string>>;
  ids: number;
  chars: number;
}

/**
 * Predictions of earlier calls of running dry runs, by the place where each continues. Per pipeline, identified by its
 * metrics, since each call has its own context.
 */
const remembered = new WeakMap<Context['aggregates'], Map<string, Memory>>();

/**
 * Returns the predictions for one stretch. Many calls of a dry run touch a window of many events, so predictions of earlier
 * calls are reused, as of the same time. Those of another dry run are not: an import may have come in between. Without a
 * cached prediction, such as in another process, the window is computed.
 *
 * `from` and `to` are the hashes of the plan before and after this stretch; `from` is empty for the first.
 */
export function predictionsOf(
  context: Context,
  { from, to, asOfMs }: { from: string; to: string; asOfMs: number },
): Predictions {
  const places = remembered.get(context.aggregates) ?? new Map<string, Memory>();
  remembered.set(context.aggregates, places);
  const earlier = from === '' ? undefined : places.get(placeName(from, asOfMs));
  const memory = earlier ?? { windows: new Map(), chars: 0, listed: new Map(), ids: 0 };
  places.delete(placeName(to, asOfMs));
  places.set(placeName(to, asOfMs), memory);
  for (const oldest of places.keys()) if (places.size > PLACES_MAX) places.delete(oldest);
  return {
    get: (question) => getPrediction(context, question, { memory, asOfMs }),
    listedIds: (version) => listedIds(context, version, memory),
  };
}

async function listedIds(context: Context, { manifest_key }: VersionRow, memory: Memory): Promise<ReadonlySet<string>> {
  const known = memory.listed.get(manifest_key);
  if (known !== undefined) return known;
  const ids = new Set<string>();
  for await (const chunk of readManifest(context, manifest_key)) for (const { event_id } of chunk) ids.add(event_id);
  // Manifests are content-addressed, so cached ids stay valid.
  if (memory.ids + ids.size <= IDS_MAX) {
    memory.listed.set(manifest_key, ids);
    memory.ids += ids.size;
  }
  return ids;
}

function placeName(hash: string, asOfMs: number): string {
  return `${asOfMs} ${hash}`;
}

async function getPrediction(
  context: Context,
  question: PredictionQuestion,
  { memory, asOfMs }: { memory: Memory; asOfMs: number },
): Promise<Prediction> {
  const { aggregate, target, latest } = question;
  const name = windowName(target);
  const known = memory.windows.get(name);
  if (KitError.is(known)) throw known;
  if (known !== undefined) {
    if (latest !== null && isSame(latest, known, aggregate)) return { ...known, value_json: null };
    if (known.value_json !== null) return known;
  }
  // Evaluated before the inputs are read: an ingest that runs now may be missing among them.
  const settled = !isUnsettled(context, asOfMs);
  const prediction = await predict(context, question, asOfMs);
  if (settled) remember(memory, name, prediction);
  if (KitError.is(prediction)) throw prediction;
  return prediction;
}

async function predict(
  context: Context,
  { aggregate, target, window, latest }: PredictionQuestion,
  asOfMs: number,
): Promise<Prediction | KitError> {
  try {
    const named = { aggregate, key: target.key, window };
    const source = await openInputs(context, { ...named, asOfMs });
    const figures = await inputsFigures(source);
    const same = latest !== null && isSame(latest, figures, aggregate);
    const value_json = same ? null : await foldWindow(context, named, source);
    return { ...figures, value_json };
  } catch (error) {
    if (!KitError.is(error) || error.retryable || isOfQuestion(error)) throw error;
    return error;
  }
}

function remember(memory: Memory, name: string, prediction: Prediction | KitError): void {
  const { windows } = memory;
  const failed = KitError.is(prediction);
  if (!failed && prediction.input_count < INPUTS_MIN) return;
  const chars = failed ? 0 : (prediction.value_json?.length ?? 0);
  if (windows.size >= WINDOWS_MAX || memory.chars + chars > CHARS_MAX) return;
  windows.set(name, prediction);
  memory.chars += chars;
}
