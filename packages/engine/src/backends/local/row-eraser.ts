import type { DatabaseSync } from 'node:sqlite';

import { entityHash, KitError, MS_PER_DAY } from '@pik/schema';

import { sliceOfEntries } from '../../ingest/rules/slices.ts';
import type { ErasableReceipt, ErasedSubjects, Eraser, PackErasure } from '../../ports/eraser.ts';
import { decodeEntries } from '../../storage/rules/slice-codec.ts';
import { expiryValue, hexBytes, idBytes, packBytes, packText, type SliceColumns } from './codec.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Interning } from './interning.ts';
import type { KeyRuns } from './key-runs/key-runs.ts';
import { createEventDropper } from './packed/drop-events.ts';
import type { EventRows } from './packed/event-rows.ts';
import { createSliceRows, RECEIPT_COLUMNS } from './packed/packed-slices.ts';
import { prepareRows, requireRow } from './sqlite.ts';

/** The rows of an index that erasures remove or change. */
export type RowEraser = Pick<
  Eraser,
  'erasePack' | 'setRevision' | 'revisionOf' | 'eraseRest' | 'dropCommits' | 'purge'
>;

interface Parts {
  readonly commits: GroupCommit;
  readonly keys: KeyRuns;
  readonly rows: EventRows;
  readonly interning: Interning;
  readonly check: <T>(read: () => T) => Promise<T>;
}

/** The name of the mark: numbers up to it were given to events, although no row may have them any more. */
const NUMBERS_MARK = 'event_numbers';

/** The largest number that an event ever had, as erasures have noted it; 0 if there was none. */
export function notedNumber(db: DatabaseSync): number {
  return prepareRows<{ value: number }>(db, 'SELECT value FROM mark WHERE name = ?').get(NUMBERS_MARK)?.value ?? 0;
}

/** Reads the revision of a pack that counts. */
export function createRevisionReader(db: DatabaseSync): (packId: string) => number {
  const revision = prepareRows<{ revision: number }>(db, 'SELECT revision FROM pack_revision WHERE pack_id = ?');
  return (packId) => revision.get(packBytes(packId))?.revision ?? 0;
}

/** The eraser of the rows of one index. */
export function createRowEraser(db: DatabaseSync, parts: Parts): RowEraser {
  const { commits, keys, rows, interning, check } = parts;
  const revisionOf = createRevisionReader(db);
  const one = { ...statements(db), ...parts, dropEvents: createEventDropper(db, interning) };
  const setRevision = db.prepare('INSERT OR REPLACE INTO pack_revision (pack_id, revision) VALUES (?, ?)');
  return {
    revisionOf: (packId) => check(() => revisionOf(packId)),
    setRevision: (packId, revision) =>
      commits.run(() => {
        setRevision.run(packBytes(packId), revision);
      }),
    erasePack: (pack, subjects) =>
      commits.run(() => {
        if (revisionOf(pack.pack_id) >= pack.revision) return;
        eraseRows(one, pack, subjects);
        for (const { producer_id, ranges, received_ms } of pack.sequences)
          one.changeSequence.run(received_ms, JSON.stringify(ranges), producer_id, packBytes(pack.pack_id));
        one.changePack.run(hexBytes(pack.sha256), pack.bytes, packBytes(pack.pack_id));
        setRevision.run(packBytes(pack.pack_id), pack.revision);
        // A number that was given again would let the key of an erased event find another one.
        one.raiseMark.run(NUMBERS_MARK, keys.last);
        // Within the transaction: what is admitted in the same commit must not find an erased event.
        rows.forget();
      }, pack.receipts.length),
    async eraseRest(subjects) {
      await commits.run(() => {
        eraseFailures(one, subjects);
        for (const entityId of subjects.entity_ids) one.dropEntity.run(entityId);
        interning.forget();
      });
      await keys.erase({
        prefixes: subjects.entity_ids.map((entityId) => hexBytes(entityHash(entityId))),
        isGone: (number) => rows.get(number) === null,
        lastKept: (number) => rows.lastUpTo(number),
      });
    },
    dropCommits: (hourMs) =>
      commits.run(() => {
        one.dropCommits.run(hourMs);
      }),
    async purge() {
      await commits.idle();
      // Free space of pages keeps deleted rows, also those that ingest deleted long before, as it packed events.
      db.exec('VACUUM');
      const { busy } = requireRow(one.truncate.get());
      if (busy !== 0) throw new KitError('INDEX_UNAVAILABLE', 'the log of the index is being read');
    },
  };
}

type Statements = ReturnType<typeof statements> &
  Parts & { readonly dropEvents: ReturnType<typeof createEventDropper> };

interface SeriesSlice extends SliceColumns {
  readonly slice_no: number;
}

function statements(db: DatabaseSync) {
  return {
    changePack: db.prepare('UPDATE pack SET sha256 = ?, bytes = ? WHERE pack_id = ?'),
    changeSequence: db.prepare(
      `UPDATE sequence SET received_ms = ?, ranges = ?
       WHERE producer_no = (SELECT producer_no FROM producer WHERE producer_id = ?) AND pack_id = ?`,
    ),
    raiseMark: db.prepare(
      'INSERT INTO mark (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)',
    ),
    dropPointer: db.prepare('DELETE FROM pointer WHERE position = ?'),
    dropDelivery: db.prepare('DELETE FROM delivery WHERE event_id = ? AND pack_id = ? AND line = ?'),
    dropRecheck: db.prepare('DELETE FROM recheck WHERE event_id = ? AND pack_id = ? AND line = ?'),
    slice: prepareRows<SeriesSlice>(
      db,
      `SELECT slice_no, event_day, pack_id, received_min_ms, received_max_ms, imported, accepted, duplicates, conflicts, expires_ms,
         lag, delay, ${RECEIPT_COLUMNS}, source, event_type FROM slice JOIN series USING (series_no)
       WHERE event_day = ? AND source = ? AND event_type = ? AND pack_id = ?`,
    ),
    dropSlice: db.prepare('DELETE FROM slice WHERE slice_no = ?'),
    changeSlice: db.prepare(
      `UPDATE slice SET received_min_ms = ?, received_max_ms = ?, accepted = ?, duplicates = ?, conflicts = ?, expires_ms = ?,
         first_no = NULL, packed = 0, lag = ?, delay = ?, entries = ? WHERE slice_no = ?`,
    ),
    failures: prepareRows<{
      readonly received_ms: number;
      readonly pack_id: Uint8Array;
      readonly line: number;
      readonly kind: string;
      readonly window: string;
    }>(db, 'SELECT received_ms, pack_id, line, kind, window FROM failure'),
    dropFailure: db.prepare(
      'DELETE FROM failure WHERE received_ms = ? AND pack_id = ? AND line = ? AND kind = ? AND window = ?',
    ),
    dropEntity: db.prepare(
      'DELETE FROM entity WHERE entity_id = ? AND NOT EXISTS (SELECT 1 FROM event WHERE event.entity_no = entity.entity_no)',
    ),
    dropCommits: db.prepare(
      `DELETE FROM hour WHERE hour_ms = ?1 AND (generation, revision) <
         (SELECT generation, revision FROM hour WHERE hour_ms = ?1 ORDER BY generation DESC, revision DESC LIMIT 1)`,
    ),
    truncate: prepareRows<{ busy: number }>(db, 'PRAGMA wal_checkpoint(TRUNCATE)'),
  };
}

function eraseRows(one: Statements, pack: PackErasure, { isErased }: Pick<ErasedSubjects, 'isErased'>): void {
  const lines = new Set(pack.receipts.map(({ line }) => line));
  // First of all, since a slice reads the receipts of its new events from them.
  for (const place of placesOf(pack.receipts)) rewriteSlice(one, { ...place, packId: pack.pack_id, lines });
  const numbers: number[] = [];
  for (const { event_id, line } of pack.receipts) {
    if (event_id === null) continue;
    const id = idBytes(event_id);
    one.dropDelivery.run(id, packBytes(pack.pack_id), line);
    one.dropRecheck.run(id, packBytes(pack.pack_id), line);
    const number = one.keys.find(id);
    if (number === null) continue;
    const row = one.rows.get(number);
    if (row === null || !isErased(row)) continue;
    numbers.push(number);
    if (row.rule === 'key') one.dropPointer.run(idBytes(row.position));
  }
  one.dropEvents(numbers);
}

interface SeriesDay {
  readonly event_day: number;
  readonly source: string;
  readonly event_type: string;
}

function placesOf(receipts: readonly ErasableReceipt[]): SeriesDay[] {
  const places = new Map<string, SeriesDay>();
  for (const { source, event_type, event_ms } of receipts) {
    if (event_ms === null || source === null || event_type === null) continue;
    const event_day = Math.floor(event_ms / MS_PER_DAY);
    places.set(JSON.stringify([event_day, source, event_type]), { event_day, source, event_type });
  }
  return [...places.values()];
}

function rewriteSlice(
  one: Statements,
  { event_day, source, event_type, packId, lines }: SeriesDay & { packId: string; lines: ReadonlySet<number> },
): void {
  const stored = one.slice.get(event_day, source, event_type, packBytes(packId));
  if (stored === undefined) return;
  const slice = createSliceRows(one.rows)(stored);
  const kept = decodeEntries(slice.entries).filter(({ line }) => !lines.has(line));
  if (kept.length === 0) {
    one.dropSlice.run(stored.slice_no);
    return;
  }
  const { received_min_ms, received_max_ms, accepted, duplicates, conflicts, lag, delay, entries } = sliceOfEntries(
    kept,
    slice,
  );
  const counts = [received_min_ms, received_max_ms, accepted, duplicates, conflicts, expiryValue(slice.expires_ms)];
  one.changeSlice.run(...counts, lag, delay, entries, stored.slice_no);
}

/** One walk over all failures, which have no index by pack. */
function eraseFailures(one: Statements, { entity_ids, isErased }: ErasedSubjects): void {
  const keys = new Set(entity_ids);
  for (const { received_ms, pack_id, line, kind, window } of one.failures.all()) {
    const [, key] = window === '' ? [] : JSON.parse(window);
    if (isErased({ pack_id: packText(pack_id), line }) || keys.has(key))
      one.dropFailure.run(received_ms, pack_id, line, kind, window);
  }
}
