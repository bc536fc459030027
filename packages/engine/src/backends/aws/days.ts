import { KitError } from '@pik/schema';

import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import { inParallel } from '../../ports/in-parallel.ts';
import type { Page } from '../../ports/queries.ts';
import type { Deadline } from './calls.ts';
import type { Directory } from './directory.ts';
import { type DayKind, type DayShard, dayPartition } from './keys.ts';
import { mergedPage } from './shards.ts';
import type { Table } from './table.ts';
import { dayText, type Item, readDayText, readText } from './values.ts';

/** Selects rows of a range of days, and their order. */
export interface DaysQuery {
  readonly fromDay: number;
  /** The day after the range. */
  readonly toDay: number;
  readonly cursor: string | null | undefined;
  readonly limit: number;
  readonly descending?: boolean;
  /** The `next` of a page: rows after that position are excluded. Only for ascending listings. */
  readonly until?: string | undefined;
  /** Bounds of the sort key, both included. */
  readonly from?: string;
  readonly to?: string;
}

/** Days that are read concurrently once they turn out to hold few rows. */
const DAYS_AT_ONCE_MAX = 8;
/** Days that one call reads before it returns its rows. */
const DAYS_PER_CALL = 200;
/** The range of days that fits into the fixed-width digits. */
const FIRST_DAY = -40_000_000;
const LAST_DAY = 40_000_000;

/** The entry of the directory for a day and shard. */
export function directoryEntry({ day, shard }: DayShard): string {
  return `${dayText(day)}#${shard}`;
}

interface Place {
  readonly day: number;
  /** Within the day; null at its start. */
  readonly sk: string | null;
}

/**
 * Lists rows of one kind, day by day, in order of their sort keys within a day. A page may hold fewer rows than the limit,
 * or none, and still have a next one.
 */
export async function listDays<T>(
  { table, directory, kind }: { table: Table; directory: Directory; kind: DayKind },
  deadline: Deadline,
  { query, read }: { query: DaysQuery; read: (row: Item, day: number) => T | null },
): Promise<Page<T>> {
  const start = placeOf(query.cursor);
  const end = placeOf(query.until);
  const days = await daysOf(directory, deadline, { query, start, end });
  const items: T[] = [];
  let atOnce = 1;
  for (let at = 0; at < days.found.length; atOnce = Math.min(DAYS_AT_ONCE_MAX, atOnce * 2)) {
    const some = days.found.slice(at, at + atOnce);
    const pages = await inParallel(some, ({ day, shards }) => {
      const partitions = shards.map((shard) => dayPartition(kind, { day, shard }));
      const beyond = day === start?.day ? start.sk : null;
      return mergedPage(table, deadline, { ...rowsOf(query), partitions, beyond });
    });
    for (const [i, page] of pages.entries()) {
      const { day } = some[i] as Day;
      let last = '';
      for (const row of page.rows) {
        if (isBehind(end, { day, sk: readText(row, 'sk') })) return { items, next: null };
        if (items.length >= query.limit) return { items, next: cursorAt(day, last) };
        const item = read(row, day);
        if (item !== null) items.push(item);
        last = readText(row, 'sk');
      }
      if (page.reached !== null) return { items, next: cursorAt(day, page.reached) };
    }
    at += some.length;
  }
  return { items, next: days.next === null ? null : cursorAt(days.next, '') };
}

function cursorAt(day: number, sk: string): string {
  return encodeCursor([dayText(day), sk]);
}

function rowsOf({ limit, descending = false, from, to }: DaysQuery) {
  return {
    limit,
    descending,
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to }),
  };
}

/** True if a row lies after the end of the listing. */
function isBehind(end: Place | null, { day, sk }: { day: number; sk: string }): boolean {
  return end !== null && (day > end.day || (day === end.day && sk > (end.sk ?? '')));
}

/** The position of a cursor; null at the start of the range. */
function placeOf(cursor: string | null | undefined): Place | null {
  const place = decodeCursor(cursor, ['string', 'string']);
  if (place === null) return null;
  const [day, sk] = place;
  if (!/^\d{8}$/.test(day)) throw new KitError('CURSOR_INVALID');
  return { day: readDayText(day), sk: sk === '' ? null : sk };
}

interface Day {
  readonly day: number;
  readonly shards: readonly number[];
}

/** The next days of the range that have rows, in reading order, and the day after them, if any. */
async function daysOf(
  directory: Directory,
  deadline: Deadline,
  { query, start, end }: { query: DaysQuery; start: Place | null; end: Place | null },
): Promise<{ found: Day[]; next: number | null }> {
  const { descending = false } = query;
  const fromDay = Math.max(FIRST_DAY, query.fromDay, descending || start === null ? FIRST_DAY : start.day);
  const toDay = Math.min(
    LAST_DAY,
    query.toDay,
    descending && start !== null ? start.day + 1 : LAST_DAY,
    end === null ? LAST_DAY : end.day + 1,
  );
  if (fromDay >= toDay) return { found: [], next: null };
  const range = { from: dayText(fromDay), below: dayText(toDay), descending };
  const days = new Map<number, number[]>();
  let beyond: string | null = null;
  do {
    const page: Awaited<ReturnType<Directory['list']>> = await directory.list(deadline, { ...range, beyond });
    for (const entry of page.entries) {
      const [digits = '', shard = ''] = entry.split('#');
      const day = readDayText(digits);
      days.set(day, [...(days.get(day) ?? []), Number(shard)]);
    }
    beyond = page.next;
    // One day more than is read, so that all shards of the last day are known.
  } while (beyond !== null && days.size <= DAYS_PER_CALL);
  const found = [...days].map(([day, shards]) => ({ day, shards }));
  return { found: found.slice(0, DAYS_PER_CALL), next: found[DAYS_PER_CALL]?.day ?? null };
}
