import { hash } from 'node:crypto';

import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { FailedWindow, ReplayWindow, WindowDone, WindowTarget } from '../../ports/history-rows.ts';
import { inParallel } from '../../ports/in-parallel.ts';
import type { ReplayWindows } from '../../ports/replay-windows.ts';
import type { Calls, Deadline } from './calls.ts';
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

/** Partitions that the windows of one replay are spread over. */
const SHARDS = 4;
const PAGE_WINDOWS = 1_000;

/** The windows that replays named, and what became of them. */
export function createReplayWindows({ table, calls }: { table: Table; calls: Calls }): ReplayWindows {
  return {
    addWindows: (replayId, windows) =>
      calls.run(async (deadline) => {
        await inParallel(windows, (window) =>
          table.put(deadline, windowItem(replayId, window), {
            expression: 'attribute_not_exists(pk) OR attribute_exists(failed_ms)',
          }),
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
    setWindowFailures: (replayId, windows) =>
      calls.run(async (deadline) => {
        await inParallel(windows, ({ failure, ...window }) =>
          table.put(
            deadline,
            { ...windowItem(replayId, window), ...present({ ...failure }) },
            { expression: 'attribute_not_exists(done)' },
          ),
        );
      }),
    listWindows: (replayId, cursor) =>
      calls.run(async (deadline) => {
        const [beyond] = decodeCursor(cursor, ['string']) ?? [null];
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
        const counted = { touched: 0, done: 0, changed: 0, failed: 0 };
        await eachWindow({ table, deadline }, { replayId, only: ['done', 'failed_ms'] }, (item) => {
          const result = readTextOrNull(item, 'done');
          counted.touched += 1;
          if (result !== null) counted.done += 1;
          if (result === 'APPENDED') counted.changed += 1;
          if (item.failed_ms !== undefined) counted.failed += 1;
        });
        return counted;
      }),
    listFailedWindows: (replayId, limit) =>
      calls.run(async (deadline) => {
        const found: FailedWindow[] = [];
        await eachWindow({ table, deadline }, { replayId }, (item) => {
          const { failure, result: _, version: __, ...window } = readWindow(item);
          if (failure !== null && found.length < limit) found.push({ ...window, failure });
        });
        return found;
      }),
  };
}

/** Reads all windows of a replay. */
async function eachWindow(
  { table, deadline }: { table: Table; deadline: Deadline },
  { replayId, only }: { replayId: string; only?: readonly string[] },
  visit: (item: Item) => void,
): Promise<void> {
  await inParallel(partitions(replayId), async (pk) => {
    let beyond: string | null = null;
    do {
      const page = await table.query(deadline, { pk, beyond, ...(only === undefined ? {} : { only }) });
      for (const item of page.rows) visit(item);
      beyond = page.reached;
    } while (beyond !== null);
  });
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
    failure: readFailure(item),
  };
}

function readFailure(item: Item): ReplayWindow['failure'] {
  const failed_ms = readNumberOrNull(item, 'failed_ms');
  if (failed_ms === null) return null;
  const event_id = readTextOrNull(item, 'event_id');
  return { code: readText(item, 'code'), detail: readText(item, 'detail'), event_id, failed_ms };
}
