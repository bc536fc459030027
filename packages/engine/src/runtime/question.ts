import type { QuestionOptions } from '../api/pipeline.ts';
import type { Backend } from '../ports/backend.ts';
import type { CellRow, IdentitiesRow } from '../ports/cell-row.ts';
import type { ClosedHours } from '../ports/closed-hours.ts';
import type { SliceRow } from '../ports/rows.ts';
import { type Budget, createBudget } from './budget.ts';
import type { Context } from './context.ts';

/** The conditions under which a question ends early. */
export interface AskedOptions extends QuestionOptions {
  /** If true, the answer cannot be partial: beyond its budget the question fails with `BUDGET_EXCEEDED`. */
  readonly whole?: boolean | undefined;
}

/**
 * The context of one question: the same pipeline with its own budget, which every read counts against. Once no caller waits
 * for the answer, reads reject, which ends any loop around them.
 */
export function askedContext(
  context: Context,
  { signal, timeMs, whole = false, isMasked = false }: AskedOptions = {},
): Context {
  const limits = context.questions;
  const budget = createBudget({ ...limits, signal, timeMs: shorter(limits.timeMs, timeMs), whole });
  return { ...context, mask: isMasked ? context.mask : null, budget, backend: watchedBackend(context.backend, budget) };
}

function shorter(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** The size of a read. */
interface Size {
  readonly items: number;
  readonly bytes?: number;
}

/** A backend whose reads await the budget's turn and count their results. */
export function watchedBackend(backend: Backend, budget: Budget): Backend {
  const { index, rawLog, files, aggregates, replays, queue, closedHours } = backend;
  const watch = <A extends unknown[], R>(read: (...args: A) => Promise<R>, sizeOf: (result: R) => Size) => {
    return async (...args: A): Promise<R> => {
      await budget.turn();
      const result = await read(...args);
      const { items, bytes = 0 } = sizeOf(result);
      budget.read(items, bytes);
      return result;
    };
  };
  return {
    ...backend,
    index: {
      ...index,
      getEvent: watch((id) => index.getEvent(id), one),
      getEvents: watch((ids) => index.getEvents(ids), list),
      getDeliveries: watch((id) => index.getDeliveries(id), list),
      getPack: watch((id) => index.getPack(id), one),
      listTimeline: watch((range) => index.listTimeline(range), page),
      listSlices: watch((query) => index.listSlices(query), slices),
      listPacks: watch((range) => index.listPacks(range), page),
      listFailures: watch((query) => index.listFailures(query), page),
      listSequences: watch((id, cursor, skip) => index.listSequences(id, cursor, skip), page),
      listAddresses: watch((cursor) => index.listAddresses(cursor), page),
    },
    rawLog: {
      ...rawLog,
      read: watch((id) => rawLog.read(id), stored),
      has: watch((id) => rawLog.has(id), one),
      list: watch((range) => rawLog.list(range), page),
    },
    files: {
      ...files,
      get: watch((key) => files.get(key), stored),
      list: watch((prefix, cursor) => files.list(prefix, cursor), page),
    },
    aggregates: {
      ...aggregates,
      getLatest: watch((target) => aggregates.getLatest(target), one),
      getVersion: watch((target, version) => aggregates.getVersion(target, version), one),
      listVersions: watch((query) => aggregates.listVersions(query), page),
    },
    replays: {
      ...replays,
      get: watch((id) => replays.get(id), one),
      list: watch((query) => replays.list(query), page),
      listWindows: watch((id, cursor) => replays.listWindows(id, cursor), page),
    },
    queue: { ...queue, listDead: watch((query) => queue.listDead(query), page) },
    closedHours: closedHours && watchedHours(closedHours, budget, watch),
  };
}

type Watch = <A extends unknown[], R>(
  read: (...args: A) => Promise<R>,
  sizeOf: (result: R) => Size,
) => (...args: A) => Promise<R>;

function watchedHours(hours: ClosedHours<CellRow>, budget: Budget, watch: Watch): ClosedHours<CellRow> {
  return {
    list: watch((range) => hours.list(range), list),
    readCells: watch((hour) => hours.readCells(hour), list),
    readDay: watch(
      (ofDay) => hours.readDay(ofDay),
      (cells) => list(cells ?? []),
    ),
    readIdentities: watch((cells) => hours.readIdentities(cells), identities),
    readIntervals: watch(
      (of) => hours.readIntervals(of),
      (rows) => list(rows ?? []),
    ),
    readReceipts: (hour, filter) => watched(hours.readReceipts(hour, filter), budget),
    readArrivals: (hour) => watched(hours.readArrivals(hour), budget),
    readWords: watch(
      (file) => hours.readWords(file),
      () => ({ items: 1 }),
    ),
  };
}

async function* watched<T>(items: AsyncIterable<T>, budget: Budget): AsyncGenerator<T> {
  await budget.turn();
  for await (const item of items) {
    budget.read(1);
    if (budget.isDue()) await budget.turn();
    yield item;
  }
}

const one = (): Size => ({ items: 1 });
const list = (rows: readonly unknown[]): Size => ({ items: rows.length });
const page = ({ items }: { items: readonly unknown[] }): Size => ({ items: items.length });
const identities = (rows: readonly IdentitiesRow[] | null): Size => {
  const bytes = (rows ?? []).reduce((sum, { entities, repeated }) => sum + entities.length + repeated.length, 0);
  return { items: rows?.length ?? 0, bytes };
};
const stored = (bytes: Uint8Array | null): Size => ({ items: 1, bytes: bytes?.length ?? 0 });

/** A slice with its receipts counts as one item per receipt. */
function slices({ items }: { items: readonly SliceRow[] }): Size {
  const size = { items: 0, bytes: 0 };
  for (const { entries, lag, delay, accepted, duplicates, conflicts } of items) {
    size.items += entries.length === 0 ? 1 : accepted + duplicates + conflicts;
    size.bytes += entries.length + lag.length + delay.length;
  }
  return size;
}
