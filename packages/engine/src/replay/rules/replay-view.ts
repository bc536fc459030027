import { formatEpochMs, type ReplayPage, type ReplayView } from '@pik/schema';

import type { FailedWindow, ReplayRequestRow, ReplayRow } from '../../ports/history-rows.ts';

/** A replay as investigators see it, without its windows. */
export function replayView(row: ReplayRow): ReplayPage['replays'][number] {
  return {
    replay_id: row.replay_id,
    status: row.status,
    requested_at: formatEpochMs(row.requested_ms),
    requested_by: row.requested_by,
    request_id: row.request_id,
    reason: row.reason,
    selection: row.selection,
    as_of: formatEpochMs(row.as_of_ms),
    limit: row.limit,
    scanned: row.scanned,
    sent: row.sent,
    messages: row.messages,
    next_cursor: row.next_cursor,
    ended_at: row.ended_ms === null ? null : formatEpochMs(row.ended_ms),
  };
}

/** A replay as investigators see it, with its windows, including those whose message is a dead letter. */
export function replayViewWithWindows(
  row: ReplayRow,
  windows: ReplayView['windows'],
  failed: readonly FailedWindow[],
): ReplayView {
  const failures = failed.map(({ metric, key, window_start_ms, failure: { code, detail, event_id, failed_ms } }) => {
    const window_start = formatEpochMs(window_start_ms);
    return { metric, key, window_start, code, detail, event_id, failed_at: formatEpochMs(failed_ms) };
  });
  return { ...replayView(row), windows, failures };
}

/** Key prefix of the files of replays. */
export const REPLAY_PREFIX = 'records/v1/replays/';

/** The key of the file with a replay's request. */
export function replayRecordKey(replayId: string): string {
  return `${REPLAY_PREFIX}${replayId}.json`;
}

/** The key of the file with a replay's end. */
export function replayEndKey(replayId: string): string {
  return `${REPLAY_PREFIX}${replayId}.end.json`;
}

/** The text of the file with a replay's request. */
export function replayRecordText(row: ReplayRequestRow): string {
  const { replay_id, requested_ms, requested_by, request_id, reason, selection, as_of_ms, limit } = row;
  return `${JSON.stringify({ replay_id, requested_ms, requested_by, request_id, reason, selection, as_of_ms, limit })}\n`;
}

/** The text of the file with a replay's end. */
export function replayEndText({ status, scanned, sent, messages, next_cursor, ended_ms }: ReplayRow): string {
  return `${JSON.stringify({ status, scanned, sent, messages, next_cursor, ended_ms })}\n`;
}

/** Parses the file of a request; null if it is malformed. */
export function parseReplayRecord(text: string): ReplayRequestRow | null {
  const row = parse<ReplayRequestRow>(text);
  return typeof row?.replay_id === 'string' && typeof row.selection === 'object' ? row : null;
}

/** Parses the file of an end; null if it is malformed. */
export function parseReplayEnd(
  text: string,
): Pick<ReplayRow, 'status' | 'scanned' | 'sent' | 'messages' | 'next_cursor' | 'ended_ms'> | null {
  const end = parse<ReplayRow>(text);
  return end?.status === 'COMPLETE' || end?.status === 'CANCELLED' ? end : null;
}

function parse<T>(text: string): (Partial<T> & T) | null {
  try {
    return JSON.parse(text) as Partial<T> & T;
  } catch {
    return null;
  }
}
