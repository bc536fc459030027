import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';

import { LIMITS, type ReplayMessage } from '@pik/schema';

import type { Clock, ReplayQueue } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { DeadLetterRow, QueuedMessage, WindowTarget } from '../../ports/history-rows.ts';
import type { HistoryFile } from './history-file.ts';
import { FAIL_WINDOW } from './replay-store.ts';
import { prepareRows } from './sqlite.ts';

/** The number of a message in its table. */
type MessageNo = { readonly message_no: number };

const ABANDONED = {
  code: 'MESSAGE_ABANDONED',
  detail: 'it was received the maximum number of times, and neither finished nor given back',
};

/** A queue in a table. Each delivery has its own receipt, so that a late consumer cannot affect a later delivery. */
export function createReplayQueue(file: HistoryFile, clock: Clock): ReplayQueue {
  return { ...sending(file, clock), ...holding(file, clock), ...deadLetters(file, clock) };
}

/**
 * Makes the messages visible that an earlier process had taken when it ended: one process owns the file at a time, so nobody
 * works on them any more. They count as delivered. On a full disk they stay hidden until their time has passed.
 */
export function giveBackTaken(db: DatabaseSync, nowMs: number): void {
  try {
    const giveBack =
      'UPDATE message SET visible_ms = :now, receipt = NULL WHERE visible_ms > :now AND receipt IS NOT NULL';
    db.prepare(giveBack).run({ now: nowMs });
  } catch {
    // Each message returns by itself.
  }
}

function sending({ db, read, write }: HistoryFile, clock: Clock): Pick<ReplayQueue, 'send' | 'receive'> {
  // A waiting message is stored once. A dead letter would never be delivered, so it starts over.
  const insert = db.prepare(
    `INSERT INTO message (message_id, sent_ms, visible_ms, receives, body) VALUES (?, ?, ?, 0, ?)
     ON CONFLICT (message_id) DO UPDATE SET sent_ms = excluded.sent_ms, visible_ms = excluded.visible_ms, receives = 0,
       died_ms = NULL, code = NULL, detail = NULL, body = excluded.body
     WHERE died_ms IS NOT NULL`,
  );
  const visible = prepareRows<MessageNo & Omit<QueuedMessage, 'receipt'>>(
    db,
    `SELECT message_no, message_id, body, receives FROM message
     WHERE visible_ms <= ? ORDER BY visible_ms, message_no LIMIT ?`,
  );
  const take = db.prepare(
    'UPDATE message SET visible_ms = ?, receives = receives + 1, receipt = ? WHERE message_no = ?',
  );
  const abandon = db.prepare(
    'UPDATE message SET visible_ms = NULL, receipt = NULL, died_ms = ?, code = ?, detail = ? WHERE message_no = ?',
  );
  const fail = db.prepare(FAIL_WINDOW);
  const noteAbandoned = (body: string, failed_ms: number) => {
    const failure = JSON.stringify({ ...ABANDONED, event_id: null, failed_ms });
    for (const [replayId, { metric, key, window_start_ms }] of windowsNamed(body))
      fail.run(replayId, metric, key, window_start_ms, failure);
  };
  return {
    send: (messages) =>
      write(() => {
        const now = clock.now();
        for (const { message_id, body } of messages) insert.run(message_id, now, now, body);
      }),
    async receive({ max, visibilityMs }) {
      // An empty queue is polled continually and must not cost a sync of the disk each time.
      if ((await read(() => visible.get(clock.now(), 1))) === undefined) return [];
      return write(() => {
        const now = clock.now();
        const taken: QueuedMessage[] = [];
        for (const row of visible.all(now, max)) {
          const receives = row.receives + 1;
          if (receives > LIMITS.message_receives_max) {
            abandon.run(now, ABANDONED.code, ABANDONED.detail, row.message_no);
            noteAbandoned(row.body, now);
            continue;
          }
          const receipt = randomUUID();
          take.run(now + visibilityMs, receipt, row.message_no);
          taken.push({ message_id: row.message_id, body: row.body, receipt, receives });
        }
        return taken;
      });
    },
  };
}

/** The windows that a message names; none if it cannot be parsed. */
function windowsNamed(body: string): [replayId: string, window: WindowTarget][] {
  try {
    const { replay_id, recompute } = JSON.parse(body) as ReplayMessage;
    return recompute.map(({ metric, key, window_start }) => {
      return [replay_id, { metric, key, window_start_ms: Date.parse(window_start) }];
    });
  } catch {
    return [];
  }
}

function holding({ db, write }: HistoryFile, clock: Clock): Pick<ReplayQueue, 'extend' | 'delete' | 'fail'> {
  const extend = db.prepare('UPDATE message SET visible_ms = ? WHERE receipt = ? AND visible_ms IS NOT NULL');
  const remove = db.prepare('DELETE FROM message WHERE receipt = ?');
  const held = prepareRows<MessageNo & Pick<QueuedMessage, 'receives'>>(
    db,
    'SELECT message_no, receives FROM message WHERE receipt = ?',
  );
  const giveBack = db.prepare(
    'UPDATE message SET visible_ms = ?, receipt = NULL, code = ?, detail = ? WHERE message_no = ?',
  );
  const bury = db.prepare(
    'UPDATE message SET visible_ms = NULL, receipt = NULL, died_ms = ?, code = ?, detail = ? WHERE message_no = ?',
  );
  return {
    extend: (receipt, visibilityMs) => write(() => Number(extend.run(clock.now() + visibilityMs, receipt).changes) > 0),
    delete: (receipt) =>
      write(() => {
        remove.run(receipt);
      }),
    fail: (receipt, { code, detail, delayMs }) =>
      write(() => {
        const row = held.get(receipt);
        if (row === undefined) return 'LOST';
        const dead = row.receives >= LIMITS.message_receives_max;
        if (dead) bury.run(clock.now(), code, detail, row.message_no);
        else giveBack.run(clock.now() + delayMs, code, detail, row.message_no);
        return dead ? 'DEAD' : 'RETRIED';
      }),
  };
}

function deadLetters({ db, read, write }: HistoryFile, clock: Clock): Pick<ReplayQueue, 'listDead' | 'redrive'> {
  const page = prepareRows<MessageNo & DeadLetterRow>(
    db,
    `SELECT * FROM message WHERE died_ms IS NOT NULL AND (died_ms, message_no) > (?, ?)
     ORDER BY died_ms, message_no LIMIT ?`,
  );
  const revive = (condition: string) =>
    db.prepare(
      `UPDATE message SET visible_ms = :now, sent_ms = :now, receives = 0, died_ms = NULL, code = NULL, detail = NULL
       WHERE died_ms IS NOT NULL ${condition}`,
    );
  const one = revive('AND message_id = :id');
  const every = revive('');
  return {
    listDead: ({ limit, cursor }) =>
      read(() => {
        const place = decodeCursor(cursor, ['number', 'number']) ?? [Number.MIN_SAFE_INTEGER, 0];
        const rows = page.all(...place, limit);
        const last = rows.length < limit ? undefined : rows.at(-1);
        const next = last && encodeCursor([last.died_ms, last.message_no]);
        return { items: rows.map(toDeadLetter), next: next ?? null };
      }),
    redrive: (messageIds) =>
      write(() => {
        const now = clock.now();
        if (messageIds === undefined) return Number(every.run({ now }).changes);
        return messageIds.reduce((sum, id) => sum + Number(one.run({ now, id }).changes), 0);
      }),
  };
}

function toDeadLetter(row: DeadLetterRow): DeadLetterRow {
  return {
    message_id: row.message_id,
    body: row.body,
    receives: row.receives,
    code: row.code,
    detail: row.detail,
    sent_ms: row.sent_ms,
    died_ms: row.died_ms,
  };
}
