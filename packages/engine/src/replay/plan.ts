import {
  EPOCH_MS_MAX,
  EPOCH_MS_MIN,
  formatEpochMs,
  KitError,
  LIMITS,
  type PlannedWindow,
  packKey,
  type ReplayBody,
  type ReplayPlanPage,
  type ReplaySelection,
  utcDay,
} from '@pik/schema';
import { manifestPlace, readManifest } from '../aggregates/manifest-store.ts';
import { windowOf } from '../aggregates/recompute-window.ts';
import type { VersionRow } from '../ports/history-rows.ts';
import type { EventRow } from '../ports/rows.ts';
import { isOfQuestion, orExceeded } from '../runtime/budget.ts';
import { aggregateOf, aggregatesOf, type Context, isUnsettled } from '../runtime/context.ts';
import { nextPlanHash, type TouchedWindow, touched } from './plan-hash.ts';
import { type Predictions, predictionsOf } from './predictions.ts';
import { readRequest } from './replay-request.ts';
import { createMessageBuilder } from './rules/replay-message.ts';
import { walk } from './walk.ts';

/** Rows between two turns of the event loop: a few milliseconds of work. */
const ROWS_PER_TURN = 1_000;
/** With at most this many events of a window, reading single chunks of its manifest is cheaper than reading the whole list. */
const FEW = 20;
/** Packs looked up at the same time. */
const PACKS_AT_ONCE = 16;

/**
 * Plans one stretch of a dry run: reads and predicts everything, sends and records nothing. The cursor carries the hash of
 * the plan so far. A stretch is planned completely or not at all: its hash covers every event that a replay would take.
 *
 * @throws KitError `REQUEST_INVALID`, `CURSOR_INVALID`, `BUDGET_EXCEEDED`.
 */
export async function planReplay(context: Context, body: ReplayBody): Promise<ReplayPlanPage> {
  return orExceeded(context.budget, WHOLE, () => planStretch(context, body));
}

const WHOLE =
  'one call of a plan cannot be answered in part; narrow the selection, by time, entity, source or type, or ask for fewer events a call with limit';

async function planStretch(context: Context, body: ReplayBody): Promise<ReplayPlanPage> {
  if (body.replay_id !== undefined || body.plan_hash !== undefined)
    throw new KitError('REQUEST_INVALID', 'a dry run has no replay_id and no plan_hash', { path: '/dry_run' });
  const { selection, asOfMs: asked, limit } = readRequest(context, body);
  const place = body.cursor === undefined ? { cursor: null, hash: '', asOfMs: null } : decodePlace(body.cursor);
  // Later calls keep the as-of time of the first.
  const asOfMs = asked ?? place.asOfMs ?? context.clock.now();
  const page = await walk(context, { selection, asOfMs, limit, cursor: place.cursor });
  const windows = await touched(context, selection, page.rows);
  const hash = await nextPlanHash(place.hash, page.rows, windows);
  const predictions = predictionsOf(context, { from: place.hash, to: hash, asOfMs });
  const { planned, alreadyProcessed } = await predictAll(context, windows, { rows: page.rows, asOfMs, predictions });
  return {
    dry_run: true,
    scanned: page.scanned,
    sent: 0,
    would_send: page.rows.length,
    messages: await countMessages(context, page.rows, selection),
    ...(await packFigures(context, page.rows)),
    days: days(page.rows),
    already_processed: alreadyProcessed,
    windows: planned,
    complete: page.next === null,
    next_cursor: page.next === null ? null : encodePlace({ cursor: page.next, hash, asOfMs }),
    as_of: formatEpochMs(asOfMs),
    unsettled: isUnsettled(context, asOfMs),
    plan_hash: hash,
    notes: [...page.notes],
  };
}

/** Counts the messages that a replay would make of these events. */
async function countMessages(context: Context, rows: readonly EventRow[], selection: ReplaySelection): Promise<number> {
  const head = { replayId: '0'.repeat(36), requestId: '0'.repeat(36), asOfMs: 0, part: 'first' };
  const builder = createMessageBuilder(aggregatesOf(context, selection), head);
  let messages = 0;
  for (const [i, row] of rows.entries()) {
    if (builder.add({ row, deliveries: [] }) !== null) messages += 1;
    if ((i + 1) % ROWS_PER_TURN === 0) await context.budget.turn();
  }
  return builder.end() === null ? messages : messages + 1;
}

interface Stretch {
  readonly rows: readonly EventRow[];
  readonly asOfMs: number;
  readonly predictions: Predictions;
}

async function predictAll(
  context: Context,
  windows: readonly TouchedWindow[],
  stretch: Stretch,
): Promise<{ planned: PlannedWindow[]; alreadyProcessed: number }> {
  const planned: PlannedWindow[] = [];
  const unprocessed = new Set<string>();
  for (const window of windows) {
    const plan = await predict(context, window, stretch);
    planned.push(plan);
    if (plan.changes || plan.problem !== null)
      await addUnprocessed(context, window, { predictions: stretch.predictions, unprocessed });
    // There may be many windows with few inputs, each read without a pause.
    await context.budget.turn();
  }
  return { planned, alreadyProcessed: stretch.rows.length - unprocessed.size };
}

async function predict(
  context: Context,
  { target, latest }: TouchedWindow,
  { asOfMs, predictions }: Stretch,
): Promise<PlannedWindow> {
  const aggregate = aggregateOf(context, target.metric);
  const window = windowOf(aggregate, target);
  const known = {
    metric: target.metric,
    key: target.key,
    window_start: formatEpochMs(window.start_ms),
    window_end: formatEpochMs(window.end_ms),
    current: latest === null ? null : { version: latest.version, ...storedValue(latest) },
  };
  const none = { ...known, predicted: null, changes: false };
  if (latest !== null && latest.as_of_ms > asOfMs) {
    const detail = `the latest version is as of ${formatEpochMs(latest.as_of_ms)}, and no version as of an older time is appended`;
    return { ...none, problem: { code: 'SUPERSEDED', detail } };
  }
  try {
    const { value_json, input_count, inputs_hash } = await predictions.get({ aggregate, target, window, latest });
    if (value_json === null)
      return { ...known, predicted: latest && storedValue(latest), changes: false, problem: null };
    const value: unknown = JSON.parse(value_json);
    const { definition_hash } = aggregate;
    const predicted = { value, input_count, inputs_hash, definition_hash, as_of: formatEpochMs(asOfMs) };
    return { ...known, predicted, changes: true, problem: null };
  } catch (error) {
    if (!KitError.is(error) || error.retryable || isOfQuestion(error)) throw error;
    return { ...none, problem: { code: error.code, detail: error.message } };
  }
}

function storedValue(row: VersionRow) {
  return {
    value: JSON.parse(row.value_json) as unknown,
    input_count: row.input_count,
    inputs_hash: row.inputs_hash,
    definition_hash: row.definition_hash,
    as_of: formatEpochMs(row.as_of_ms),
  };
}

/** Adds the selected events of a window that are not inputs of its latest version. */
async function addUnprocessed(
  context: Context,
  { latest, events }: TouchedWindow,
  { predictions, unprocessed }: { predictions: Predictions; unprocessed: Set<string> },
): Promise<void> {
  const processed = latest === null ? new Set<string>() : await listedNear(context, { latest, events }, predictions);
  for (const { event_id } of events) if (!processed.has(event_id)) unprocessed.add(event_id);
}

/**
 * Returns ids that a manifest lists, including those of these events that it lists: few events need few chunks of a large
 * manifest. The ids of a window that is too large for memory are never held together.
 */
async function listedNear(
  context: Context,
  { latest, events }: { latest: VersionRow; events: readonly EventRow[] },
  predictions: Predictions,
): Promise<ReadonlySet<string>> {
  const isHeld = latest.input_count <= LIMITS.window_inputs_max;
  if (isHeld && events.length * FEW >= latest.input_count) return predictions.listedIds(latest);
  const range = { from: '\uffff', to: '' };
  for (const event of events) {
    const place = manifestPlace(event);
    if (place < range.from) range.from = place;
    if (place > range.to) range.to = place;
  }
  const wanted = new Set(events.map(({ event_id }) => event_id));
  const ids = new Set<string>();
  for await (const chunk of readManifest(context, latest.manifest_key, range))
    for (const { event_id } of chunk) if (wanted.has(event_id)) ids.add(event_id);
  return ids;
}

async function packFigures(
  context: Context,
  rows: readonly EventRow[],
): Promise<{ raw_bytes: number; raw_missing: string[] }> {
  const raw_missing: string[] = [];
  let raw_bytes = 0;
  const packIds = [...new Set(rows.map(({ pack_id }) => pack_id))];
  for (let start = 0; start < packIds.length; start += PACKS_AT_ONCE) {
    const some = packIds.slice(start, start + PACKS_AT_ONCE);
    const there = await Promise.all(some.map((packId) => context.backend.rawLog.has(packId)));
    for (const [i, packId] of some.entries()) {
      if (!there[i]) raw_missing.push(packKey(packId));
      raw_bytes += (await context.backend.index.getPack(packId))?.bytes ?? 0;
    }
  }
  return { raw_bytes, raw_missing };
}

function days(rows: readonly EventRow[]): { day: string; events: number }[] {
  const counts = new Map<string, number>();
  for (const { event_ms } of rows) {
    const day = utcDay(event_ms);
    counts.set(day, (counts.get(day) ?? 0) + 1);
  }
  return [...counts].map(([day, events]) => ({ day, events })).sort((a, b) => (a.day < b.day ? -1 : 1));
}

interface PlanPlace {
  readonly cursor: string | null;
  readonly hash: string;
  readonly asOfMs: number | null;
}

function encodePlace({ cursor, hash, asOfMs }: PlanPlace): string {
  return Buffer.from(JSON.stringify([cursor, hash, asOfMs])).toString('base64url');
}

function decodePlace(text: string): PlanPlace {
  try {
    const [cursor, hash, asOfMs] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as [
      string,
      string,
      number,
    ];
    const isTime = Number.isSafeInteger(asOfMs) && asOfMs >= EPOCH_MS_MIN && asOfMs <= EPOCH_MS_MAX;
    if (typeof cursor === 'string' && typeof hash === 'string' && isTime) return { cursor, hash, asOfMs };
  } catch {
    // Reported below, like a cursor that is JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}
