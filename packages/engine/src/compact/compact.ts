import { floorToHour, KitError, MS_PER_DAY, MS_PER_HOUR, packStoredMs } from '@pik/schema';

import type { CompactOptions, CompactSummary } from '../api/pipeline.ts';
import { unfinishedIds } from '../erase/erasure-store.ts';
import { SWEEP_MARK } from '../ingest/sweep.ts';
import type { HourRow, HourStore } from '../ports/closed-hours.ts';
import type { PackRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';
import { closeHour } from './close-hour.ts';
import { dayOf, storeDay, storeDayIntervals } from './day-file.ts';
import { reviseHour } from './revise-hour.ts';

/** The name of the mark: all hours of the log before it were closed, or had no packs. */
export const COMPACT_MARK = 'compacted_until_ms';
/** After the clock is set back, packs are stored in hours before the mark. */
const LOOK_BACK_MS = MS_PER_DAY;
/** Later than any time that a pack id can hold. */
const END_OF_IDS_MS = 2 ** 47;

type Counts = { -readonly [K in keyof CompactSummary]: CompactSummary[K] };

interface Compaction {
  readonly context: Context;
  readonly hours: HourStore;
  readonly summary: Counts;
  readonly isOver: () => boolean;
  /** Stored days, by their start, with hours that were closed lately or by this compaction. */
  readonly days: Set<number>;
  /** Packs that a sweep has not admitted yet are left to the next generation, instead of waiting for them. */
  readonly isPartial: (hourMs: number) => boolean;
}

/**
 * Closes the stored hours whose packs are final, again those in which packs were found later, and makes the cells again of those whose
 * receipts have moved. Idempotent: it may stop anywhere, and two may run at once.
 */
export async function compact(context: Context, options: CompactOptions = {}): Promise<CompactSummary> {
  const { index, clock, hours } = context.backend;
  const summary: Counts = { hours_closed: 0, hours_revised: 0, hours_waiting: 0, packs: 0, receipts: 0, lag_ms: 0 };
  // Until an erasure is finished, seeds and packs may not fit together.
  if (hours === undefined || (await unfinishedIds(context.backend)).length > 0) return summary;
  const now = clock.now();
  const swept = Math.min((await index.getMark(SWEEP_MARK)) ?? 0, now);
  // Includes the current hour if the caller asks for it: later packs form its next generation.
  const dueMs = floorToHour(swept);
  const toMs = options.all === true ? floorToHour(now) + MS_PER_HOUR : dueMs;
  const isPartial = (hourMs: number) => hourMs >= dueMs;
  const isOver = () => options.stop?.() === true;
  const work: Compaction = { context, hours, summary, isOver, isPartial, days: new Set() };
  const mark = (await index.getMark(COMPACT_MARK)) ?? 0;
  const fromMs = Math.max(options.sinceMs ?? Math.min(mark, now) - LOOK_BACK_MS, now - context.indexRetentionMs + 1, 0);
  const firstOpenMs = await closeNew(work, { fromMs: floorToHour(fromMs), toMs });
  await closeAgain(work, toMs);
  await reviseMoved(work);
  await closeDays(work, Math.min(firstOpenMs, dueMs));
  if (firstOpenMs > mark) await index.setMark(COMPACT_MARK, Math.min(firstOpenMs, dueMs));
  summary.lag_ms = Math.max(0, dueMs - firstOpenMs);
  context.telemetry.observe('CompactLagSeconds', [summary.lag_ms / 1_000]);
  if (summary.hours_closed + summary.hours_revised + summary.hours_waiting > 0)
    context.telemetry.log('info', 'compact', summary);
  return summary;
}

/** Closes the hours that have packs and no commit; returns the start of the first hour that is left open, or the end. */
async function closeNew(work: Compaction, { fromMs, toMs }: { fromMs: number; toMs: number }): Promise<number> {
  const { context, hours } = work;
  const closed = new Set<number>();
  for await (const row of readPages((cursor) => hours.list({ fromMs, toMs, cursor }))) {
    closed.add(row.hour_ms);
    work.days.add(dayOf(row));
  }
  let firstOpenMs: number | null = null;
  for (let at = fromMs; at < toMs; ) {
    while (closed.has(at)) at += MS_PER_HOUR;
    if (at >= toMs) break;
    const { items, next } = await context.backend.rawLog.list({ fromMs: at, toMs });
    const [first] = items;
    if (first === undefined) {
      if (next === null) break;
      throw new KitError('INTERNAL', 'the raw log lists an empty page before its end');
    }
    const hourMs = floorToHour(packStoredMs(first));
    at = hourMs + MS_PER_HOUR;
    if (closed.has(hourMs)) continue;
    const isDone = !work.isOver() && (await close(work, { hourMs, previous: null }));
    if (!isDone) firstOpenMs ??= hourMs;
    if (work.isOver()) break;
  }
  return firstOpenMs ?? toMs;
}

/** Closes hours again in which packs were found later. */
async function closeAgain(work: Compaction, toMs: number): Promise<void> {
  const { hours } = work;
  const late = new Set<number>();
  for await (const packId of readPages((cursor) => hours.listLate({ fromMs: 0, toMs: END_OF_IDS_MS, cursor })))
    late.add(floorToHour(packStoredMs(packId)));
  for (const hourMs of late) {
    if (work.isOver()) return;
    const [previous] = (await hours.list({ fromMs: hourMs, toMs: hourMs + 1 })).items;
    if (hourMs < toMs && previous !== undefined) await close(work, { hourMs, previous });
  }
}

/** Returns false if the hour has to wait. */
async function close(work: Compaction, hour: { hourMs: number; previous: HourRow | null }): Promise<boolean> {
  const { context, hours, summary } = work;
  const { hourMs, previous } = hour;
  const packs = await packsToClose(context, hourMs, work.isPartial(hourMs));
  if (packs === null) {
    summary.hours_waiting += 1;
    context.telemetry.log('warn', 'compact_waits', { hour_ms: hourMs });
    return false;
  }
  if (packs.length === 0) return true;
  const generation = (previous?.generation ?? 0) + 1;
  const row = await closable(work, hourMs, () => closeHour(context, hours, { hourMs, generation, packs, previous }));
  if (row === null) return false;
  work.days.add(dayOf(row));
  summary.hours_closed += 1;
  summary.packs += row.packs;
  summary.receipts += row.receipts;
  return true;
}

const WAITS = new Set(['RAW_MISSING', 'RAW_CORRUPT', 'HOUR_DAMAGED']);

/** Null if the files of the hour are damaged: it stays open, is reported, and does not stop the others. */
async function closable<T>(
  { context, summary }: Compaction,
  hourMs: number,
  work: () => Promise<T>,
): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    if (!KitError.is(error) || !WAITS.has(error.code)) throw error;
    summary.hours_waiting += 1;
    context.telemetry.log('error', 'compact_failed', { hour_ms: hourMs, code: error.code, detail: error.message });
    return null;
  }
}

/** The PACK rows of an hour; null if a pack of the log has none yet. */
async function packsToClose({ backend }: Context, hourMs: number, isPartial: boolean): Promise<PackRow[] | null> {
  const range = { fromMs: hourMs, toMs: hourMs + MS_PER_HOUR };
  const rows: PackRow[] = [];
  for await (const row of readPages((cursor) => backend.index.listPacks({ ...range, cursor }))) rows.push(row);
  if (isPartial) return rows;
  const admitted = new Set(rows.map(({ pack_id }) => pack_id));
  for await (const packId of readPages((cursor) => backend.rawLog.list({ ...range, cursor })))
    if (!admitted.has(packId)) return null;
  return rows;
}

/** Makes the cells again of hours in which more receipts have moved than their commit knows. */
async function reviseMoved(work: Compaction): Promise<void> {
  const { context, hours, summary } = work;
  const moved = new Map<number, number>();
  for await (const { pack_id } of readPages(
    (cursor) => hours.listMoved({ fromMs: 0, toMs: END_OF_IDS_MS, cursor }),
    context.budget,
  )) {
    const hourMs = floorToHour(packStoredMs(pack_id));
    moved.set(hourMs, (moved.get(hourMs) ?? 0) + 1);
  }
  for (const [hourMs, count] of moved) {
    if (work.isOver()) return;
    const [row] = (await hours.list({ fromMs: hourMs, toMs: hourMs + 1 })).items;
    if (row === undefined || row.moved >= count) continue;
    if ((await closable(work, hourMs, () => reviseHour(context, hours, row))) === null) continue;
    work.days.add(dayOf(row));
    summary.hours_revised += 1;
  }
}

/** Makes the files of stored days that were over by a time, of which all hours are closed. */
async function closeDays(work: Compaction, toMs: number): Promise<void> {
  const { context, hours } = work;
  for (const dayMs of [...work.days].sort((a, b) => a - b)) {
    if (work.isOver()) return;
    if (dayMs + MS_PER_DAY > toMs) continue;
    const ofDay: HourRow[] = [];
    const range = { fromMs: dayMs, toMs: dayMs + MS_PER_DAY };
    for await (const row of readPages((cursor) => hours.list({ ...range, cursor }))) ofDay.push(row);
    if (ofDay.length < 2) continue;
    const hasMoved = ofDay.some(({ moved_file }) => moved_file !== null);
    await closable(work, dayMs, async () => {
      await storeDayIntervals(context.backend, ofDay);
      if (!hasMoved) await storeDay(context.backend, ofDay);
    });
  }
}
