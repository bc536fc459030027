import { decodeBase32Hex, encodeBase32Hex } from '@pik/schema';

import type { CellRow } from '../../ports/cell-row.ts';
import { ByteReader, ByteWriter } from '../../runtime/rules/bytes.ts';
import { decodeHistogram, encodeHistogram, type Histogram } from '../../statistics/histogram.ts';
import type { Ranked } from '../../statistics/top-ranked.ts';
import { ID_BYTES } from '../../storage/rules/slice-codec.ts';
import { type CellOrder, decodeOrder, encodeOrder } from './arrival-order.ts';
import {
  type Bounds,
  type Cell,
  type CellExtreme,
  createCell,
  type EventHour,
  extend,
  type ReceivedHour,
} from './cell.ts';

/** Encodes a cell that holds at least one receipt, with the order of its arrivals if that was counted. Equal cells give equal bytes. */
export function encodeCell(cell: Cell, order: CellOrder | null = null): CellRow {
  const received = receivedBounds(cell);
  return {
    ...cell.key,
    accepted: cell.accepted,
    duplicates: cell.duplicates,
    conflicts: cell.conflicts,
    event_min_ms: cell.event.minMs,
    event_max_ms: cell.event.maxMs,
    received_min_ms: received.minMs,
    received_max_ms: received.maxMs,
    first_received_min_ms: cell.accepted === 0 ? null : cell.firstReceived.minMs,
    first_received_max_ms: cell.accepted === 0 ? null : cell.firstReceived.maxMs,
    lag: histogramBytes(cell.lag),
    delay: histogramBytes(cell.delay),
    produce: histogramBytes(cell.produce),
    transport: histogramBytes(cell.transport),
    extremes: encodeExtremes(cell),
    worst: encodeWorst(cell.worst),
    event_hours: encodeEventHours(cell.eventHours),
    received_hours: encodeReceivedHours(cell.receivedHours),
    event_minutes: encodeMinutes(cell.eventMinutes),
    received_minutes: encodeMinutes(cell.receivedMinutes),
    arrivals: encodeCounts(cell.arrivals),
    order: order === null || cell.accepted === 0 ? NOTHING : encodeOrder(order, cell.event.minMs),
  };
}

/** Decodes a cell. Throws a RangeError if bytes are malformed. */
export function decodeCell(row: CellRow): Cell {
  const { source, event_type, imported, event_window, received_window, ...columns } = row;
  const empty = createCell({ source, event_type, imported, event_window, received_window });
  const { first_received_min_ms: minMs, first_received_max_ms: maxMs } = columns;
  return {
    ...empty,
    accepted: columns.accepted,
    duplicates: columns.duplicates,
    conflicts: columns.conflicts,
    event: { minMs: columns.event_min_ms, maxMs: columns.event_max_ms },
    firstReceived: minMs === null || maxMs === null ? empty.firstReceived : { minMs, maxMs },
    lag: histogramOf(columns.lag),
    delay: histogramOf(columns.delay),
    produce: histogramOf(columns.produce),
    transport: histogramOf(columns.transport),
    ...extremesOf(row),
    worst: worstOf(row),
    eventHours: eventHoursOf(row),
    receivedHours: receivedHoursOf(row),
    eventMinutes: new Set(minutesOf(columns.event_minutes)),
    receivedMinutes: new Set(minutesOf(columns.received_minutes)),
    arrivals: arrivalsOf(row),
  };
}

function receivedBounds({ receivedHours }: Cell): Bounds {
  const bounds = { minMs: Number.POSITIVE_INFINITY, maxMs: Number.NEGATIVE_INFINITY };
  for (const { minMs, maxMs } of receivedHours.values()) {
    extend(bounds, minMs);
    extend(bounds, maxMs);
  }
  return bounds;
}

const NOTHING = new Uint8Array(0);

function histogramBytes(histogram: Histogram): Uint8Array {
  return histogram.count === 0 ? NOTHING : encodeHistogram(histogram);
}

const EMPTY_HISTOGRAM = Uint8Array.of(1, 0);

/** Decodes a histogram of a cell; empty for no bytes. */
export function histogramOf(bytes: Uint8Array): Histogram {
  return decodeHistogram(bytes.length === 0 ? EMPTY_HISTOGRAM : bytes);
}

function encodeExtremes({ lowest, highest }: Pick<Cell, 'lowest' | 'highest'>): Uint8Array {
  if (lowest === null || highest === null) return NOTHING;
  const out = new ByteWriter();
  for (const { lag, event_id, pack_id, line } of [lowest, highest]) {
    out.int(lag);
    out.raw(idBytes(event_id));
    out.hex(pack_id.replaceAll('-', ''));
    out.uint(line);
  }
  return out.done();
}

const PACK_ID_BYTES = 16;

/** Reads the receipts at both ends of the lags of a cell; null without first arrivals. */
export function extremesOf({ extremes }: Pick<CellRow, 'extremes'>): Pick<Cell, 'lowest' | 'highest'> {
  if (extremes.length === 0) return { lowest: null, highest: null };
  const input = new ByteReader(extremes);
  const read = (): CellExtreme => ({
    lag: input.int(),
    event_id: encodeBase32Hex(input.raw(ID_BYTES)),
    pack_id: uuidText(input.hex(PACK_ID_BYTES)),
    line: input.uint(),
  });
  return { lowest: read(), highest: read() };
}

function uuidText(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function idBytes(eventId: string): Uint8Array {
  return decodeBase32Hex(eventId) ?? new Uint8Array(ID_BYTES);
}

function encodeWorst(worst: readonly Ranked[]): Uint8Array {
  if (worst.length === 0) return NOTHING;
  const out = new ByteWriter();
  for (const { rank, id } of worst) {
    out.int(rank);
    out.raw(idBytes(id));
  }
  return out.done();
}

/** Reads the first arrivals of a cell with the greatest lags, the greatest first. */
export function worstOf({ worst }: Pick<CellRow, 'worst'>): Ranked[] {
  const input = new ByteReader(worst);
  const found: Ranked[] = [];
  while (!input.atEnd) found.push({ rank: input.int(), id: encodeBase32Hex(input.raw(ID_BYTES)) });
  return found;
}

function encodeEventHours(hours: ReadonlyMap<number, EventHour>): Uint8Array {
  const out = new ByteWriter();
  for (const [hour, { count, minMs, maxMs }] of inOrder(hours)) {
    out.int(hour);
    out.uint(count);
    out.int(minMs);
    out.uint(maxMs - minMs);
  }
  return out.done();
}

/** Reads the first arrivals of a cell by hour of event time. */
export function eventHoursOf({ event_hours }: Pick<CellRow, 'event_hours'>): Map<number, EventHour> {
  const input = new ByteReader(event_hours);
  const hours = new Map<number, EventHour>();
  while (!input.atEnd) {
    const [hour, count, minMs] = [input.int(), input.uint(), input.int()];
    hours.set(hour, { count, minMs, maxMs: minMs + input.uint() });
  }
  return hours;
}

function encodeReceivedHours(hours: ReadonlyMap<number, ReceivedHour>): Uint8Array {
  const out = new ByteWriter();
  for (const [hour, { receipts, minMs, maxMs, repeats, repeated }] of inOrder(hours)) {
    out.int(hour);
    out.uint(receipts);
    out.int(minMs);
    out.uint(maxMs - minMs);
    out.uint(repeats);
    if (repeats === 0) continue;
    out.uint(repeated.minMs - minMs);
    out.uint(maxMs - repeated.maxMs);
  }
  return out.done();
}

/** Reads the receipts of a cell by hour of receive time. */
export function receivedHoursOf({ received_hours }: Pick<CellRow, 'received_hours'>): Map<number, ReceivedHour> {
  const input = new ByteReader(received_hours);
  const hours = new Map<number, ReceivedHour>();
  while (!input.atEnd) {
    const [hour, receipts, minMs] = [input.int(), input.uint(), input.int()];
    const maxMs = minMs + input.uint();
    const repeats = input.uint();
    const repeated =
      repeats === 0
        ? { minMs: Number.POSITIVE_INFINITY, maxMs: Number.NEGATIVE_INFINITY }
        : { minMs: minMs + input.uint(), maxMs: maxMs - input.uint() };
    hours.set(hour, { receipts, minMs, maxMs, repeats, repeated });
  }
  return hours;
}

/** Reads the order of the arrivals of a cell; null if it was not counted. */
export function orderOf({ order, event_min_ms }: Pick<CellRow, 'order' | 'event_min_ms'>): CellOrder | null {
  return decodeOrder(order, event_min_ms);
}

function encodeCounts(counts: ReadonlyMap<number, number>): Uint8Array {
  const out = new ByteWriter();
  let last = 0;
  for (const [minute, count] of inOrder(counts)) {
    out.int(minute - last);
    out.uint(count);
    last = minute;
  }
  return out.done();
}

/** Reads the first arrivals of a cell by the minute up to which they were received. */
export function arrivalsOf({ arrivals }: Pick<CellRow, 'arrivals'>): Map<number, number> {
  const input = new ByteReader(arrivals);
  const counts = new Map<number, number>();
  for (let minute = 0; !input.atEnd; ) {
    minute += input.int();
    counts.set(minute, input.uint());
  }
  return counts;
}

/** Runs of minutes: the distance from the run before, and the length. */
function encodeMinutes(minutes: ReadonlySet<number>): Uint8Array {
  const sorted = Float64Array.from(minutes).sort();
  const out = new ByteWriter();
  let end = 0;
  for (let i = 0; i < sorted.length; ) {
    const start = sorted[i] as number;
    let length = 1;
    while (sorted[i + length] === start + length) length += 1;
    out.int(start - end);
    out.uint(length);
    end = start + length;
    i += length;
  }
  return out.done();
}

/** Reads minutes of a cell, in order. */
export function* minutesOf(bytes: Uint8Array): Generator<number> {
  const input = new ByteReader(bytes);
  for (let end = 0; !input.atEnd; ) {
    const start = end + input.int();
    end = start + input.uint();
    for (let minute = start; minute < end; minute++) yield minute;
  }
}

function inOrder<T>(values: ReadonlyMap<number, T>): [number, T][] {
  return [...values].sort(([a], [b]) => a - b);
}
