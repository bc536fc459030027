import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

import { MS_PER_DAY } from '@pik/schema';

import type { EventRow } from '../../../ports/rows.ts';
import { expiryValue, hexBytes, idBytes, packBytes, rankValue } from '../codec.ts';
import type { Interning } from '../interning.ts';
import type { KeyRuns } from '../key-runs/key-runs.ts';
import { ruleNumber, standingValue } from '../rules/stored-facts.ts';
import { insertInto } from '../sqlite.ts';
import { encodeSegment, isPackable, type PackableEvent, SEGMENT_ROWS } from './rules/segment.ts';

/** The new events of one admission, which get their numbers when they are written. */
export interface FreshRows {
  /** Starts an admission; events of an earlier one that failed are forgotten. */
  begin(): void;
  /** Takes a new event. */
  add(row: EventRow, id: Uint8Array): void;
  /** An event that is not written yet. */
  get(eventId: string): EventRow | undefined;
  /** Writes the events that are held, and adds their keys. */
  write(): void;
  /** The new events of an admission in one slice, in order of their lines, if all are packed and none is written yet otherwise. */
  groupOf(seriesNo: number, slice: { readonly pack_id: string; readonly event_day: number }): WrittenGroup | null;
  /** Writes an event as a row of its own, in place of the one that has the number. */
  replace(eventNo: number, row: EventRow, id: Uint8Array): void;
}

/** Packed events with numbers that follow each other. */
export interface WrittenGroup {
  readonly firstNo: number;
  readonly rows: readonly EventRow[];
}

interface Parts {
  readonly keys: Pick<KeyRuns, 'add' | 'last'>;
  readonly interning: Interning;
}

/** Events with the same pack, series and day, in the order in which they came. */
interface Group {
  readonly seriesNo: number;
  readonly packId: string;
  readonly day: number;
  readonly events: PackableEvent[];
}

interface Statements {
  readonly segment: StatementSync;
  readonly row: StatementSync;
  readonly pointer: StatementSync;
}

const COLUMNS = [
  'event_no',
  'event_id',
  'series_no',
  'entity_no',
  'rule',
  'idempotency_key',
  'producer_no',
  'producer_seq',
  'event_ms',
  'event_sub_ns',
  'received_ms',
  'sent_ms',
  'flags',
  'expires_ms',
  'line',
  'pack_id',
  'payload_hash',
  'rank',
  'standing',
];

/** Fresh rows over prepared statements; the caller holds the transaction. */
export function createFreshRows(db: DatabaseSync, parts: Parts): FreshRows {
  const statements: Statements = {
    segment: db.prepare(insertInto('segment', ['first_no', 'rows', 'series_no', 'pack_id', 'columns'])),
    row: db.prepare(insertInto('event', COLUMNS, 'REPLACE')),
    pointer: db.prepare(insertInto('pointer', ['position', 'event_no'], 'REPLACE')),
  };
  const { interning } = parts;
  const held = new Map<string, EventRow>();
  const groups = new Grouping();
  const replace = (eventNo: number, row: EventRow, id: Uint8Array) => {
    statements.row.run(eventNo, ...rowValues(row, id, interning));
    if (row.rule === 'key') statements.pointer.run(idBytes(row.position), eventNo);
  };
  /** Null for a slice whose events were written in more than one part, or not packed. */
  const written = new Map<string, WrittenGroup | null>();
  return {
    begin() {
      held.clear();
      groups.take();
      written.clear();
    },
    add(row, id) {
      held.set(row.event_id, row);
      const producerNo = row.producer_id === null ? null : interning.producer(row.producer_id);
      groups.add(interning.series(row.source, row.event_type), { id, row, producerNo });
    },
    get: (eventId) => held.get(eventId),
    write() {
      for (const group of groups.take()) {
        const key = groupKey(group.seriesNo, group.packId, group.day);
        const done = writeGroup(group, { ...parts, statements, replace });
        written.set(key, written.has(key) ? null : done);
      }
      held.clear();
    },
    groupOf: (seriesNo, { pack_id, event_day }) => written.get(groupKey(seriesNo, pack_id, event_day)) ?? null,
    replace,
  };
}

function groupKey(seriesNo: number, packId: string, day: number): string {
  return `${seriesNo} ${day} ${packId}`;
}

type GroupParts = Parts & { readonly statements: Statements; readonly replace: FreshRows['replace'] };

/** Gives the events of a group numbers one after another, in order of their lines. Returns null unless all are packed. */
function writeGroup({ seriesNo, packId, events }: Group, parts: GroupParts): WrittenGroup | null {
  const { keys, statements, replace } = parts;
  const firstNo = keys.last + 1;
  let allPacked = true;
  // Imported lines are admitted in the order of the times that they claim.
  events.sort((a, b) => a.row.line - b.row.line);
  for (let start = 0; start < events.length; start += SEGMENT_ROWS) {
    const some = start === 0 && events.length <= SEGMENT_ROWS ? events : events.slice(start, start + SEGMENT_ROWS);
    const first = keys.last + 1;
    const isPacked = some.every(isPackable);
    allPacked &&= isPacked;
    if (isPacked) statements.segment.run(first, some.length, seriesNo, packBytes(packId), encodeSegment(some));
    for (const [place, { row, id }] of some.entries()) {
      if (!isPacked) replace(first + place, row, id);
      else if (row.rule === 'key') statements.pointer.run(idBytes(row.position), first + place);
      keys.add(id, first + place);
    }
  }
  return allPacked ? { firstNo, rows: events.map(({ row }) => row) } : null;
}

/** Days are between these bounds, which keeps the number of a group unique. */
const DAYS = 2 ** 22;

/** Groups events by pack, series and day, each in the order in which it began. */
class Grouping {
  #groups: Group[] = [];
  readonly #ofPack = new Map<number, Group>();
  #packId = '';

  add(seriesNo: number, event: PackableEvent): void {
    const { pack_id, event_ms } = event.row;
    if (pack_id !== this.#packId) {
      this.#ofPack.clear();
      this.#packId = pack_id;
    }
    const day = Math.floor(event_ms / MS_PER_DAY);
    const key = seriesNo * DAYS + day + DAYS / 4;
    const known = this.#ofPack.get(key);
    if (known !== undefined) {
      known.events.push(event);
      return;
    }
    const group = { seriesNo, packId: pack_id, day, events: [event] };
    this.#ofPack.set(key, group);
    this.#groups.push(group);
  }

  /** All groups; none are held afterwards. */
  take(): readonly Group[] {
    const groups = this.#groups;
    this.#groups = [];
    this.#ofPack.clear();
    return groups;
  }
}

function rowValues(row: EventRow, id: Uint8Array, interning: Interning): SQLInputValue[] {
  return [
    id,
    interning.series(row.source, row.event_type),
    interning.entity(row.entity_id),
    ruleNumber(row.rule),
    row.idempotency_key,
    row.producer_id === null ? null : interning.producer(row.producer_id),
    row.producer_seq,
    row.event_ms,
    row.event_sub_ns,
    row.received_ms,
    row.sent_ms,
    row.flags,
    expiryValue(row.expires_ms),
    row.line,
    packBytes(row.pack_id),
    hexBytes(row.payload_hash),
    rankValue(row.rank),
    standingValue(row),
  ];
}
