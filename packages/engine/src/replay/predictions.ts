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
import type { InFlight } from '../runtime/in-flight.ts';
import { windowName } from './rules/replay-message.ts';

/** What a window would be computed to. */
export interface Prediction {
  readonly inputs_hash: string;
  readonly input_count: number;
  /** Null where the latest version has the same inputs and definition. */
  readonly value_json: string | null;
}

/** A window of a dry run, and its latest version. */
export interface PredictionQuestion {
  readonly aggregate: Aggregate;
  readonly target: WindowTarget;
  readonly window: Window;
  readonly latest: VersionRow | null;
}

/** Predicts the windows of one stretch of a dry run. */
export interface Predictions {
  /** Throws what reading and folding the inputs throws. */
  get(question: PredictionQuestion): Promise<Prediction>;
  /** The ids that a version's manifest lists; those of large ones are read once for a whole dry run. */
  listedIds(version: VersionRow): Promise<ReadonlySet<string>>;
}

/** A window of fewer inputs is met by few stretches, and soon computed again. */
const INPUTS_MIN = 10;
/** Windows and characters of values that one dry run has remembered at most; what is beyond is computed again. */
const WINDOWS_MAX = 20_000;
const CHARS_MAX = 4_000_000;
/** Ids of manifests that one dry run has remembered at most. */
const IDS_MAX = 500_000;
/** Places of dry runs from which a next call is expected. */
const PLACES_MAX = 16;

interface Memory {
  readonly windows: Map<string, Prediction | KitError>;
  readonly listed: Map<string, ReadonlySet<string>>;
  ids: number;
  chars: number;
}

/**
 * What was predicted by the earlier calls of the dry runs under way, by the place where each goes on; of each pipeline, which
 * is known by what it has in flight: each call has a context of its own.
 */
const remembered = new WeakMap<InFlight, Map<string, Memory>>();

/**
 * A window of many events is met by many calls of one dry run, and would be computed from all of its inputs each time.
 * What an earlier call of the same dry run predicted is used again, as of the same time; nothing is taken from another
 * one, since an import may have come between them. Where nothing is remembered, such as in another process, it is computed.
 *
 * `from` and `to` are the hashes of the plan before and after this stretch; `from` is empty for the first.
 */
export function predictionsOf(
  context: Context,
  { from, to, asOfMs }: { from: string; to: string; asOfMs: number },
): Predictions {
  const places = remembered.get(context.inFlight) ?? new Map<string, Memory>();
  remembered.set(context.inFlight, places);
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
  // Content-addressed, so what is remembered stays true.
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
  // Asked before the inputs are read: what is in work now may be missing among them.
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
