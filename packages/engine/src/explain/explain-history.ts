import { type EventExplanation, type Finding, formatEpochMs, formatInstant, KitError } from '@pik/schema';
import { manifestHas } from '../aggregates/manifest-store.ts';
import type { ReplayRow, VersionRow, WindowTarget } from '../ports/history-rows.ts';
import type { EventRow } from '../ports/rows.ts';
import { windowsAround } from '../replay/rules/replay-message.ts';
import { isSelected } from '../replay/rules/selection.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import type { Attempts } from './attempts.ts';

/** Replays searched for one event, latest first. */
const REPLAYS_MAX = 10_000;
const ROWS_PER_PAGE = 500;

/** The versions and replays that include an event. */
export interface EventHistory {
  readonly versions: EventExplanation['versions'];
  readonly replays: EventExplanation['replays'];
  readonly findings: readonly Finding[];
}

/** Finds the versions with an event among their inputs and the replays that covered it, as of a time. */
export async function eventHistory(
  context: Context,
  { row, asOfMs, attempts }: { row: EventRow; asOfMs: number; attempts: Attempts },
): Promise<EventHistory> {
  const history: Gathered = { versions: [], replays: [], findings: [] };
  const versions = async () => {
    for (const target of windowsAround([...context.aggregates.values()], row))
      await addVersions(context, { target, row, asOfMs }, history);
  };
  await attempts.run('the versions of values that have it among their inputs', versions, undefined);
  await attempts.run('the replays that covered it', () => addReplays(context, { row, asOfMs }, history), undefined);
  return history;
}

/** The history found so far. */
interface Gathered {
  readonly versions: EventExplanation['versions'];
  readonly replays: EventExplanation['replays'];
  readonly findings: Finding[];
}

async function addVersions(
  context: Context,
  { target, row, asOfMs }: { target: WindowTarget; row: EventRow; asOfMs: number },
  { versions, findings }: Gathered,
): Promise<void> {
  const { aggregates } = context.backend;
  const query = { ...target, limit: ROWS_PER_PAGE };
  for await (const version of readPages((cursor) => aggregates.listVersions({ ...query, cursor }))) {
    if (version.computed_ms > asOfMs || version.as_of_ms < row.received_ms) continue;
    if (await hasInput(context, { version, row }, findings)) versions.push(versionEntry(version));
  }
}

async function hasInput(
  context: Context,
  { version, row }: { version: VersionRow; row: EventRow },
  findings: Finding[],
): Promise<boolean> {
  const event = { event_id: row.event_id, event_time: formatInstant(row.event_ms, row.event_sub_ns) };
  try {
    return await manifestHas(context, version.manifest_key, event);
  } catch (error) {
    if (!KitError.is(error) || (error.code !== 'MANIFEST_MISSING' && error.code !== 'MANIFEST_CORRUPT')) throw error;
    const text = `Version ${version.version} of ${version.metric} may contain it: ${error.message}.`;
    findings.push({ code: error.code, text });
    return false;
  }
}

function versionEntry(row: VersionRow): EventExplanation['versions'][number] {
  return {
    metric: row.metric,
    key: row.key,
    window_start: formatEpochMs(row.window_start_ms),
    version: row.version,
    value: JSON.parse(row.value_json),
    as_of: formatEpochMs(row.as_of_ms),
    computed_at: formatEpochMs(row.computed_ms),
  };
}

async function addReplays(
  context: Context,
  { row, asOfMs }: { row: EventRow; asOfMs: number },
  { replays: found, findings }: Gathered,
): Promise<void> {
  const { replays } = context.backend;
  let left = REPLAYS_MAX;
  for await (const replay of readPages((cursor) => replays.list({ limit: ROWS_PER_PAGE, cursor }))) {
    if (left-- === 0) {
      findings.push({ code: 'REPLAYS_CUT', text: `Only the latest ${REPLAYS_MAX} replays were searched.` });
      break;
    }
    if (replay.requested_ms > asOfMs || !isSelected(replay.selection, replay.as_of_ms, row)) continue;
    // A replay that ended before its first part sent nothing.
    if (replay.status !== 'COMPLETE' && replay.sent === 0) continue;
    found.push(replayEntry(replay));
  }
}

function replayEntry(row: ReplayRow): EventExplanation['replays'][number] {
  return {
    replay_id: row.replay_id,
    requested_at: formatEpochMs(row.requested_ms),
    requested_by: row.requested_by,
    reason: row.reason,
    status: row.status,
    sent: row.status === 'COMPLETE' ? 'YES' : 'MAYBE',
  };
}
