import { hash } from 'node:crypto';

import type { ReplayStore } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { ReplayWindow, WindowDone, WindowTarget } from '../../ports/history-rows.ts';
import type { Calls } from './calls.ts';
import { inParallel } from './parallel.ts';
import { mergedPage } from './shards.ts';
import { type Key, keyItem, type Table } from './table.ts';
import {
  type Item,
  keyText,
  number,
  present,
  readNumber,
  readNumberOrNull,
  readText,
  readTextOrNull,
  text,
  timeText,
} from './values.ts';

type WindowMethods = Pick<ReplayStore, 'addWindows' | 'getWindow' | 'setWindowResult' | 'listWindows' | 'countWindows'>;

/** Partitions that the windows of one replay are spread over. */
const SHARDS = 4;
const PAGE_WINDOWS = 1_000;

/** The windows that replays named, and what became of them. */
export function createReplayWindows({ table, calls }: { table: Table; calls: Calls }): WindowMethods {
  return {
    addWindows: (replayId, windows) =>
      calls.run(async (deadline) => {
        await inParallel(windows, (window) =>
          table.put(deadline, windowItem(replayId, window), { expression: 'attribute_not_exists(pk)' }),
        );
      }),
    getWindow: (replayId, window) =>
      calls.run(async (deadline) => {
        const item = await table.get(deadline, windowKey(replayId, window));
        return item === null ? null : readWindow(item);
      }),
    // A message may be older than the table: after its loss windows are noted when they are done.
    setWindowResult: (replayId, window, done) =>
      calls.run(async (deadline) => {
        await table.put(
          deadline,
          { ...windowItem(replayId, window), ...doneItem(done) },
          { expression: 'attribute_not_exists(done)' },
        );
      }),
    listWindows: (replayId, cursor) =>
      calls.run(async (deadline) => {
        const [beyond] = decodeCursor<[string]>(cursor, ['']) ?? [null];
        const page = await mergedPage(table, deadline, {
          partitions: partitions(replayId),
          beyond,
          limit: PAGE_WINDOWS,
        });
        return {
          items: page.rows.map(readWindow),
          next: page.reached === null ? null : encodeCursor([page.reached]),
        };
      }),
    countWindows: (replayId) =>
      calls.run(async (deadline) => {
        const counted = { touched: 0, done: 0, changed: 0 };
        await inParallel(partitions(replayId), async (pk) => {
          let beyond: string | null = null;
          do {
            const page = await table.query(deadline, { pk, beyond, only: ['done'] });
            for (const item of page.rows) {
              const result = readTextOrNull(item, 'done');
              counted.touched += 1;
              if (result !== null) counted.done += 1;
              if (result === 'APPENDED') counted.changed += 1;
            }
            beyond = page.reached;
          } while (beyond !== null);
        });
        return counted;
      }),
  };
}

function partitions(replayId: string): string[] {
  return Array.from({ length: SHARDS }, (_, shard) => `W#${replayId}#${shard}`);
}

function windowKey(replayId: string, { metric, key, window_start_ms }: WindowTarget): Key {
  const sk = `${keyText(metric)}#${keyText(key)}#${timeText(window_start_ms)}`;
  const shard = Number.parseInt(hash('sha256', sk).slice(0, 2), 16) % SHARDS;
  return { pk: `W#${replayId}#${shard}`, sk };
}

function windowItem(replayId: string, window: WindowTarget): Item {
  return {
    ...keyItem(windowKey(replayId, window)),
    metric: text(window.metric),
    key: text(window.key),
    window_start_ms: number(window.window_start_ms),
  };
}

function doneItem({ result, version }: WindowDone): Item {
  return present({ done: result, version });
}

function readWindow(item: Item): ReplayWindow {
  return {
    metric: readText(item, 'metric'),
    key: readText(item, 'key'),
    window_start_ms: readNumber(item, 'window_start_ms'),
    result: readTextOrNull(item, 'done') as ReplayWindow['result'],
    version: readNumberOrNull(item, 'version'),
  };
}
