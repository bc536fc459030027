import {
  EPOCH_MS_MAX,
  EPOCH_MS_MIN,
  formatEpochMs,
  KitError,
  type PlannedWindow,
  packKey,
  type ReplayBody,
  type ReplayPlanPage,
  utcDay,
} from '@pik/schema';

import { buildMessages } from '../domain/replay-message.ts';
import type { VersionRow } from '../ports/history-rows.ts';
import type { EventRow } from '../ports/rows.ts';
import { aggregateOf, aggregatesOf, type Context, isUnsettled } from './context.ts';
import { foldWindow } from './fold-window.ts';
import { readManifest } from './manifest-store.ts';
import { nextPlanHash, type TouchedWindow, touched } from './plan-hash.ts';
import { isSame, windowOf } from './recompute.ts';
import { readRequest } from './replay-request.ts';
import { walk } from './walk.ts';
import { inputsHash, windowInputs } from './window-inputs.ts';

/**
 * One stretch of a dry run: everything is read and predicted, nothing is sent or recorded. The cursor carries the hash of
 * the plan so far.
 *
 * @throws KitError `REQUEST_INVALID`, `CURSOR_INVALID`.
 */
export async function planReplay(context: Context, body: ReplayBody): Promise<ReplayPlanPage> {
  if (body.replay_id !== undefined || body.plan_hash !== undefined)
    throw new KitError('REQUEST_INVALID', 'a dry run has no replay_id and no plan_hash', { path: '/dry_run' });
  const { selection, asOfMs: asked, limit } = readRequest(body, context.backend.clock.now());
  const place = body.cursor === undefined ? { cursor: null, hash: '', asOfMs: null } : decodePlace(body.cursor);
  // Later calls go on as of the time of the first.
  const asOfMs = asked ?? place.asOfMs ?? context.backend.clock.now();
  const page = await walk(context, { selection, asOfMs, limit, cursor: place.cursor });
  const windows = await touched(context, selection, page.rows);
  const hash = nextPlanHash(place.hash, page.rows, windows);
  const { planned, alreadyProcessed } = await predictAll(context, windows, { rows: page.rows, asOfMs });
  const head = { replayId: '0'.repeat(36), requestId: '0'.repeat(36), asOfMs, part: 'first' };
  const walked = page.rows.map((row) => ({ row, deliveries: [] }));
  return {
    dry_run: true,
    scanned: page.scanned,
    sent: 0,
    would_send: page.rows.length,
    messages: buildMessages(walked, aggregatesOf(context, selection), head).length,
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

async function predictAll(
  context: Context,
  windows: readonly TouchedWindow[],
  { rows, asOfMs }: { rows: readonly EventRow[]; asOfMs: number },
): Promise<{ planned: PlannedWindow[]; alreadyProcessed: number }> {
  const planned: PlannedWindow[] = [];
  const unprocessed = new Set<string>();
  for (const window of windows) {
    const plan = await predict(context, window, asOfMs);
    planned.push(plan);
    if (plan.changes || plan.problem !== null) await addUnprocessed(context, window, unprocessed);
  }
  return { planned, alreadyProcessed: rows.length - unprocessed.size };
}

async function predict(context: Context, { target, latest }: TouchedWindow, asOfMs: number): Promise<PlannedWindow> {
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
    const detail = `the latest version is as of ${formatEpochMs(latest.as_of_ms)}, and none is appended as of an older time`;
    return { ...none, problem: { code: 'SUPERSEDED', detail } };
  }
  try {
    const inputs = await windowInputs(context, { aggregate, key: target.key, window, asOfMs });
    const inputs_hash = await inputsHash(inputs);
    if (latest !== null && isSame(latest, inputs, { inputs_hash, aggregate }))
      return { ...known, predicted: storedValue(latest), changes: false, problem: null };
    const value = JSON.parse(await foldWindow(context, aggregate, inputs)) as unknown;
    const { definition_hash } = aggregate;
    const as_of = formatEpochMs(asOfMs);
    const predicted = { value, input_count: inputs.length, inputs_hash, definition_hash, as_of };
    return { ...known, predicted, changes: true, problem: null };
  } catch (error) {
    if (!KitError.is(error) || error.retryable) throw error;
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

/** The selected events of a window that its latest version does not have among its inputs. */
async function addUnprocessed(
  context: Context,
  { latest, events }: TouchedWindow,
  unprocessed: Set<string>,
): Promise<void> {
  const processed = new Set<string>();
  if (latest !== null) {
    for await (const chunk of readManifest(context, latest.manifest_key))
      for (const { event_id } of chunk) processed.add(event_id);
  }
  for (const { event_id } of events) if (!processed.has(event_id)) unprocessed.add(event_id);
}

async function packFigures(
  context: Context,
  rows: readonly EventRow[],
): Promise<{ raw_bytes: number; raw_missing: string[] }> {
  const raw_missing: string[] = [];
  let raw_bytes = 0;
  for (const packId of new Set(rows.map(({ pack_id }) => pack_id))) {
    if (!(await context.backend.rawLog.has(packId))) raw_missing.push(packKey(packId));
    raw_bytes += (await context.backend.index.getPack(packId))?.bytes ?? 0;
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
    // Told below, together with a cursor that is JSON of another form.
  }
  throw new KitError('CURSOR_INVALID');
}
