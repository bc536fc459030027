import type { ReplayStore } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type {
  FailedWindow,
  ReplayPart,
  ReplayRow,
  ReplayWindow,
  WindowCounts,
  WindowTarget,
} from '../../ports/history-rows.ts';
import type { ReplayWindows } from '../../ports/replay-windows.ts';
import type { HistoryFile } from './history-file.ts';
import { prepareRows, requireRow } from './sqlite.ts';

/** A row of `replay`: the selection as JSON, and the limit as `events_per_call`, since `limit` is a keyword. */
type ReplayColumns = Omit<ReplayRow, 'selection' | 'limit'> & {
  readonly selection: string;
  readonly events_per_call: number;
};

/** A row of `replay_window`: the failure as JSON. */
type WindowColumns = Omit<ReplayWindow, 'failure'> & { readonly failure: string | null };

/** Replays, their parts and their windows in three tables. */
export function createReplayStore(file: HistoryFile): ReplayStore {
  return { ...records(file), ...parts(file), ...windows(file) };
}

function records({ db, read, write }: HistoryFile): Pick<ReplayStore, 'create' | 'get' | 'list' | 'cancel'> {
  const insert = db.prepare(
    `INSERT OR IGNORE INTO replay (replay_id, requested_ms, requested_by, request_id, reason, selection, as_of_ms,
       events_per_call, status, scanned, sent, messages)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'RUNNING', 0, 0, 0)`,
  );
  const one = prepareRows<ReplayColumns>(db, 'SELECT * FROM replay WHERE replay_id = ?');
  const page = prepareRows<ReplayColumns>(
    db,
    'SELECT * FROM replay WHERE replay_id < ? ORDER BY replay_id DESC LIMIT ?',
  );
  const end = db.prepare(
    "UPDATE replay SET status = 'CANCELLED', ended_ms = ? WHERE replay_id = ? AND status = 'RUNNING'",
  );
  const get = (replayId: string): ReplayRow | null => {
    const row = one.get(replayId);
    return row === undefined ? null : toReplayRow(row);
  };
  return {
    create: (row) =>
      write(() => {
        const { replay_id, requested_ms, requested_by, request_id, reason, selection, as_of_ms, limit } = row;
        const text = JSON.stringify(selection);
        insert.run(replay_id, requested_ms, requested_by, request_id, reason, text, as_of_ms, limit);
        return requireRow(get(replay_id));
      }),
    get: (replayId) => read(() => get(replayId)),
    list: ({ limit, cursor }) =>
      read(() => {
        // Ids are UUIDv7, so they sort by creation time.
        const [before] = decodeCursor(cursor, ['string']) ?? ['\uffff'];
        const items = page.all(before, limit).map(toReplayRow);
        const last = items.length < limit ? undefined : items.at(-1);
        return { items, next: last === undefined ? null : encodeCursor([last.replay_id]) };
      }),
    cancel: (replayId, nowMs) =>
      write(() => {
        end.run(nowMs, replayId);
        return get(replayId);
      }),
  };
}

function parts({ db, read, write }: HistoryFile): Pick<ReplayStore, 'getPart' | 'addPart'> {
  const one = prepareRows<ReplayPart>(
    db,
    'SELECT cursor, scanned, sent, messages, next_cursor FROM replay_part WHERE replay_id = ? AND cursor = ?',
  );
  const insert = db.prepare(
    `INSERT OR IGNORE INTO replay_part (replay_id, cursor, scanned, sent, messages, next_cursor)
     VALUES (?, ?, ?, ?, ?, ?)`,
  );
  const sum = db.prepare(
    `UPDATE replay SET scanned = scanned + ?, sent = sent + ?, messages = messages + ?, next_cursor = ?
     WHERE replay_id = ?`,
  );
  const complete = db.prepare(
    "UPDATE replay SET status = 'COMPLETE', ended_ms = ? WHERE replay_id = ? AND status = 'RUNNING'",
  );
  return {
    getPart: (replayId, cursor) => read(() => one.get(replayId, cursor) ?? null),
    addPart: (replayId, part, nowMs) =>
      write(() => {
        const { cursor, scanned, sent, messages, next_cursor } = part;
        const added = insert.run(replayId, cursor, scanned, sent, messages, next_cursor).changes;
        if (Number(added) === 0) return;
        sum.run(scanned, sent, messages, next_cursor, replayId);
        if (next_cursor === null) complete.run(nowMs, replayId);
      }),
  };
}

const PAGE_WINDOWS = 1_000;

function windows(file: HistoryFile): ReplayWindows {
  return { ...windowWrites(file), ...windowReads(file) };
}

const WINDOW_COLUMNS = 'metric, key, window_start_ms, result, version, failure';

function windowWrites({
  db,
  write,
}: HistoryFile): Pick<ReplayWindows, 'addWindows' | 'setWindowResult' | 'setWindowFailures'> {
  const insert = db.prepare(
    `INSERT INTO replay_window (replay_id, metric, key, window_start_ms) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET failure = NULL WHERE failure IS NOT NULL`,
  );
  // A message may be older than the table: after the loss of the file, its windows are recorded when they are done.
  const done = db.prepare(
    `INSERT INTO replay_window (replay_id, metric, key, window_start_ms, result, version) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET result = excluded.result, version = excluded.version, failure = NULL
     WHERE result IS NULL`,
  );
  const failed = db.prepare(FAIL_WINDOW);
  return {
    addWindows: (replayId, targets) =>
      write(() => {
        for (const target of targets) insert.run(...windowPlace(replayId, target));
      }),
    setWindowResult: (replayId, target, { result, version }) =>
      write(() => {
        done.run(...windowPlace(replayId, target), result, version);
      }),
    setWindowFailures: (replayId, targets) =>
      write(() => {
        for (const target of targets) failed.run(...windowPlace(replayId, target), JSON.stringify(target.failure));
      }),
  };
}

/** Records why a window was left open, unless it has a result. */
export const FAIL_WINDOW = `INSERT INTO replay_window (replay_id, metric, key, window_start_ms, failure) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET failure = excluded.failure WHERE result IS NULL`;

function windowPlace(replayId: string, { metric, key, window_start_ms }: WindowTarget) {
  return [replayId, metric, key, window_start_ms] as const;
}

function windowReads({
  db,
  read,
}: HistoryFile): Pick<ReplayWindows, 'getWindow' | 'listWindows' | 'countWindows' | 'listFailedWindows'> {
  const one = prepareRows<WindowColumns>(
    db,
    `SELECT ${WINDOW_COLUMNS} FROM replay_window
     WHERE replay_id = ? AND metric = ? AND key = ? AND window_start_ms = ?`,
  );
  const page = prepareRows<WindowColumns>(
    db,
    `SELECT ${WINDOW_COLUMNS} FROM replay_window
     WHERE replay_id = ? AND (metric, key, window_start_ms) > (?, ?, ?)
     ORDER BY metric, key, window_start_ms LIMIT ?`,
  );
  const count = prepareRows<WindowCounts>(
    db,
    `SELECT count(*) AS touched, count(result) AS done, count(*) FILTER (WHERE result = 'APPENDED') AS changed,
       count(failure) AS failed
     FROM replay_window WHERE replay_id = ?`,
  );
  const failed = prepareRows<WindowColumns>(
    db,
    `SELECT ${WINDOW_COLUMNS} FROM replay_window WHERE replay_id = ? AND failure IS NOT NULL
     ORDER BY metric, key, window_start_ms LIMIT ?`,
  );
  return {
    getWindow: (replayId, target) =>
      read(() => {
        const row = one.get(...windowPlace(replayId, target));
        return row === undefined ? null : toReplayWindow(row);
      }),
    listWindows: (replayId, cursor) =>
      read(() => {
        const place = decodeCursor(cursor, ['string', 'string', 'number']) ?? ['', '', Number.MIN_SAFE_INTEGER];
        const items = page.all(replayId, ...place, PAGE_WINDOWS).map(toReplayWindow);
        const last = items.length < PAGE_WINDOWS ? undefined : items.at(-1);
        return { items, next: last ? encodeCursor([last.metric, last.key, last.window_start_ms]) : null };
      }),
    countWindows: (replayId) => read(() => ({ ...requireRow(count.get(replayId)) })),
    listFailedWindows: (replayId, limit) =>
      read(() =>
        failed
          .all(replayId, limit)
          .map(toReplayWindow)
          .flatMap(({ metric, key, window_start_ms, failure }): FailedWindow[] =>
            failure === null ? [] : [{ metric, key, window_start_ms, failure }],
          ),
      ),
  };
}

function toReplayWindow(row: WindowColumns): ReplayWindow {
  const { failure } = row;
  return {
    metric: row.metric,
    key: row.key,
    window_start_ms: row.window_start_ms,
    result: row.result,
    version: row.version,
    failure: failure === null ? null : (JSON.parse(failure) as ReplayWindow['failure']),
  };
}

function toReplayRow(row: ReplayColumns): ReplayRow {
  return {
    replay_id: row.replay_id,
    requested_ms: row.requested_ms,
    requested_by: row.requested_by,
    request_id: row.request_id,
    reason: row.reason,
    selection: JSON.parse(row.selection) as ReplayRow['selection'],
    as_of_ms: row.as_of_ms,
    limit: row.events_per_call,
    status: row.status,
    scanned: row.scanned,
    sent: row.sent,
    messages: row.messages,
    next_cursor: row.next_cursor,
    ended_ms: row.ended_ms,
  };
}
