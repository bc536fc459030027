import { MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';

import type { CellKey } from '../../ports/cell-row.ts';
import type { SliceRow } from '../../ports/rows.ts';
import { addTo, createHistogram, type Histogram, mergeInto } from '../../statistics/histogram.ts';
import { compareRanked, type Ranked } from '../../statistics/top-ranked.ts';
import type { ScannedEntry } from '../../storage/rules/slice-codec.ts';

/** The windows by which a cell gathers receipts, along both axes. */
export type CellGrain = 'hour' | 'day';

/** Length of the windows of each grain. Windows are numbered from 1970-01-01T00:00Z. */
export const CELL_MS: Readonly<Record<CellGrain, number>> = { hour: MS_PER_HOUR, day: MS_PER_DAY };

/** The first and the last of some times; infinite for none. */
export interface Bounds {
  minMs: number;
  maxMs: number;
}

/** The receipt at one end of the lags of a cell. */
export interface CellExtreme {
  readonly lag: number;
  readonly event_id: string;
  readonly pack_id: string;
  readonly line: number;
}

/** First arrivals of an hour of event time. */
export interface EventHour extends Bounds {
  count: number;
}

/** Receipts of an hour of receive time, whatever their outcome, and the repeats among them. */
export interface ReceivedHour extends Bounds {
  receipts: number;
  repeats: number;
  readonly repeated: Bounds;
}

/**
 * The figures of the receipts with one key that reports need, in a form that adds up: the cell of two groups of receipts is the merge of
 * their cells, in any order. Outcomes are compared with the first receipts of the events when the cell is made.
 */
export interface Cell {
  readonly key: CellKey;
  accepted: number;
  duplicates: number;
  conflicts: number;
  /** The event times of all receipts. */
  readonly event: Bounds;
  /** The receive times of first arrivals. */
  readonly firstReceived: Bounds;
  /** From event to receipt, of first arrivals. */
  readonly lag: Histogram;
  /** From the first receipt to a repeat. */
  readonly delay: Histogram;
  /** From event to sending, and from sending to receipt, of first arrivals whose sending time is known. */
  readonly produce: Histogram;
  readonly transport: Histogram;
  /** First arrivals with the least and the greatest lag, of equal ones the one with the least id. */
  lowest: CellExtreme | null;
  highest: CellExtreme | null;
  /** First arrivals with the greatest lags, the greatest first: at most `CELL_WORST_MAX`. */
  worst: Ranked[];
  /** First arrivals by hour of event time, by number of the hour. */
  readonly eventHours: Map<number, EventHour>;
  /** All receipts by hour of receive time. */
  readonly receivedHours: Map<number, ReceivedHour>;
  /** Numbers of the minutes of event time with a first arrival. */
  readonly eventMinutes: Set<number>;
  /** Numbers of the minutes of receive time with any receipt. */
  readonly receivedMinutes: Set<number>;
  /** First arrivals by the minute at whose end, or before, they were received (`minuteUpTo`). */
  readonly arrivals: Map<number, number>;
}

/** Number of events with the greatest lags that a cell names. */
export const CELL_WORST_MAX = 10;

const MS_PER_MINUTE = 60_000;

/** The number of the first minute that begins at or after a time: `t <= m` for a whole minute exactly if `minuteUpTo(t) <= m`. */
export function minuteUpTo(ms: number): number {
  return Math.ceil(ms / MS_PER_MINUTE);
}

const createBounds = (): Bounds => ({ minMs: Number.POSITIVE_INFINITY, maxMs: Number.NEGATIVE_INFINITY });

/** Creates an empty cell. */
export function createCell(key: CellKey): Cell {
  return {
    key,
    accepted: 0,
    duplicates: 0,
    conflicts: 0,
    event: createBounds(),
    firstReceived: createBounds(),
    lag: createHistogram(),
    delay: createHistogram(),
    produce: createHistogram(),
    transport: createHistogram(),
    lowest: null,
    highest: null,
    worst: [],
    eventHours: new Map(),
    receivedHours: new Map(),
    eventMinutes: new Set(),
    receivedMinutes: new Set(),
    arrivals: new Map(),
  };
}

/** Extends bounds by a time. */
export function extend(bounds: Bounds, ms: number): void {
  if (ms < bounds.minMs) bounds.minMs = ms;
  if (ms > bounds.maxMs) bounds.maxMs = ms;
}

function extendBy(bounds: Bounds, { minMs, maxMs }: Bounds): void {
  if (minMs < bounds.minMs) bounds.minMs = minMs;
  if (maxMs > bounds.maxMs) bounds.maxMs = maxMs;
}

/** A receipt to add: what a scan of its slice yields, and its place. */
export interface CellReceipt extends Omit<ScannedEntry, 'idAt' | 'event_sub_ns'> {
  readonly pack_id: string;
  /** Its event id, called only if the cell names the event. */
  id(): string;
}

/** Adds a receipt with the key of the cell. */
export function addToCell(cell: Cell, receipt: CellReceipt): void {
  const { outcome, event_ms, received_ms, first_received_ms } = receipt;
  extend(cell.event, event_ms);
  const hour = receivedHourOf(cell, Math.floor(received_ms / MS_PER_HOUR));
  hour.receipts += 1;
  extend(hour, received_ms);
  cell.receivedMinutes.add(Math.floor(received_ms / MS_PER_MINUTE));
  if (outcome === 'ACCEPTED') {
    addFirst(cell, receipt);
    return;
  }
  if (outcome === 'DUPLICATE') cell.duplicates += 1;
  else cell.conflicts += 1;
  if (first_received_ms !== null) addTo(cell.delay, received_ms - first_received_ms);
  hour.repeats += 1;
  extend(hour.repeated, received_ms);
}

function addFirst(cell: Cell, receipt: CellReceipt): void {
  const { event_ms, received_ms, sent_ms, pack_id, line } = receipt;
  const lag = received_ms - event_ms;
  cell.accepted += 1;
  extend(cell.firstReceived, received_ms);
  addTo(cell.lag, lag);
  if (sent_ms !== null) {
    addTo(cell.produce, sent_ms - event_ms);
    addTo(cell.transport, received_ms - sent_ms);
  }
  const place = () => ({ lag, event_id: receipt.id(), pack_id, line });
  if (cell.lowest === null || lag <= cell.lowest.lag) cell.lowest = lowerOf(cell.lowest, place());
  if (cell.highest === null || lag >= cell.highest.lag) cell.highest = higherOf(cell.highest, place());
  const last = cell.worst.length < CELL_WORST_MAX ? undefined : cell.worst.at(-1);
  if (last === undefined || lag >= last.rank) cell.worst = worstOf(cell.worst, [{ rank: lag, id: receipt.id() }]);
  const hour = eventHourOf(cell, Math.floor(event_ms / MS_PER_HOUR));
  hour.count += 1;
  extend(hour, event_ms);
  cell.eventMinutes.add(Math.floor(event_ms / MS_PER_MINUTE));
  const minute = minuteUpTo(received_ms);
  cell.arrivals.set(minute, (cell.arrivals.get(minute) ?? 0) + 1);
}

/** Of two extremes the one with the lower lag, of equal ones the one with the smaller id. */
export function lowerOf(a: CellExtreme | null, b: CellExtreme | null): CellExtreme | null {
  if (a === null || b === null) return a ?? b;
  return a.lag < b.lag || (a.lag === b.lag && a.event_id <= b.event_id) ? a : b;
}

/** Of two extremes the one with the higher lag, of equal ones the one with the smaller id. */
export function higherOf(a: CellExtreme | null, b: CellExtreme | null): CellExtreme | null {
  if (a === null || b === null) return a ?? b;
  return a.lag > b.lag || (a.lag === b.lag && a.event_id <= b.event_id) ? a : b;
}

function worstOf(a: readonly Ranked[], b: readonly Ranked[]): Ranked[] {
  return [...a, ...b].sort(compareRanked).slice(0, CELL_WORST_MAX);
}

function eventHourOf({ eventHours }: Cell, hour: number): EventHour {
  let known = eventHours.get(hour);
  if (known === undefined) {
    known = { count: 0, ...createBounds() };
    eventHours.set(hour, known);
  }
  return known;
}

function receivedHourOf({ receivedHours }: Cell, hour: number): ReceivedHour {
  let known = receivedHours.get(hour);
  if (known === undefined) {
    known = { receipts: 0, ...createBounds(), repeats: 0, repeated: createBounds() };
    receivedHours.set(hour, known);
  }
  return known;
}

/** Adds what another cell counts. The caller chooses cells whose keys lie in the key of the target. */
export function mergeCell(target: Cell, other: Cell): void {
  target.accepted += other.accepted;
  target.duplicates += other.duplicates;
  target.conflicts += other.conflicts;
  extendBy(target.event, other.event);
  extendBy(target.firstReceived, other.firstReceived);
  for (const name of ['lag', 'delay', 'produce', 'transport'] as const) mergeInto(target[name], other[name]);
  target.lowest = lowerOf(target.lowest, other.lowest);
  target.highest = higherOf(target.highest, other.highest);
  target.worst = worstOf(target.worst, other.worst);
  for (const [hour, { count, ...bounds }] of other.eventHours) {
    const own = eventHourOf(target, hour);
    own.count += count;
    extendBy(own, bounds);
  }
  for (const [hour, { receipts, repeats, repeated, ...bounds }] of other.receivedHours) {
    const own = receivedHourOf(target, hour);
    own.receipts += receipts;
    own.repeats += repeats;
    extendBy(own, bounds);
    extendBy(own.repeated, repeated);
  }
  for (const minute of other.eventMinutes) target.eventMinutes.add(minute);
  for (const minute of other.receivedMinutes) target.receivedMinutes.add(minute);
  for (const [minute, count] of other.arrivals) target.arrivals.set(minute, (target.arrivals.get(minute) ?? 0) + count);
}

/** The key of a receipt at a grain. */
export function keyAt(
  { source, event_type, imported }: Pick<SliceRow, 'source' | 'event_type' | 'imported'>,
  { event_ms, received_ms }: { event_ms: number; received_ms: number },
  grain: CellGrain,
): CellKey {
  const event_window = Math.floor(event_ms / CELL_MS[grain]);
  return { source, event_type, imported, event_window, received_window: Math.floor(received_ms / CELL_MS[grain]) };
}

/** A text that only equal keys have. */
export function keyText({ source, event_type, imported, event_window, received_window }: CellKey): string {
  return `${source}\u0000${event_type}\u0000${imported}\u0000${event_window}\u0000${received_window}`;
}

/** The order of cells in a file, which their keys alone determine. */
export function compareCells({ key: a }: { readonly key: CellKey }, { key: b }: { readonly key: CellKey }): number {
  if (a.event_window !== b.event_window) return a.event_window - b.event_window;
  if (a.source !== b.source) return a.source < b.source ? -1 : 1;
  if (a.event_type !== b.event_type) return a.event_type < b.event_type ? -1 : 1;
  if (a.received_window !== b.received_window) return a.received_window - b.received_window;
  return Number(a.imported) - Number(b.imported);
}
