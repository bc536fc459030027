import { decodeBase32Hex } from '@pik/schema';

import type { CellKey, IdentitiesRow } from '../../ports/cell-row.ts';
import type { SliceRow } from '../../ports/rows.ts';
import { ByteReader, ByteWriter } from '../../runtime/rules/bytes.ts';
import { hash52At, ID_BYTES, idAt, scanEntries } from '../../storage/rules/slice-codec.ts';
import { CELL_MS, compareCells, keyAt, keyText } from './cell.ts';
import { dayKey } from './make-cells.ts';

/** Identities of cells while being gathered. */
interface Gathered {
  readonly key: CellKey;
  /** Entities in any order, by the first 52 bits of their hash; some more than once. */
  readonly entities: number[];
  readonly repeats: Map<string, number>;
}

/** Gathers the entities and the repeated events of hour cells. */
export interface IdentitiesMaker {
  /** Adds the receipts of a slice that was read with them. */
  add(slice: SliceRow): void;
  /** A row for each cell, in the order of the file of cells. */
  rows(): IdentitiesRow[];
}

/** Creates an empty maker. The order of the receipts, and their division into slices, have no effect. */
export function createIdentitiesMaker(): IdentitiesMaker {
  const cells = createGatherer();
  return {
    add(slice) {
      const { entries } = slice;
      let last: Gathered | null = null;
      scanEntries(entries, (entry) => {
        if (last === null || !isIn(last.key, entry)) last = cells.of(keyAt(slice, entry, 'hour'));
        last.entities.push(hash52At(entries, entry.idAt));
        if (entry.outcome !== 'ACCEPTED') addRepeats(last, idAt(entries, entry.idAt), 1);
      });
    },
    rows: cells.rows,
  };
}

/** The identities of the cells of a stored day, made of those of its hours. */
export function dayIdentities(hours: readonly (readonly IdentitiesRow[])[]): IdentitiesRow[] {
  const cells = createGatherer();
  for (const row of hours.flat()) {
    const { source, event_type, imported, event_window, received_window } = row;
    const day = cells.of(dayKey({ source, event_type, imported, event_window, received_window }));
    visitEntities(row, (entity) => day.entities.push(entity));
    visitRepeated(row, (count, ids, at) => addRepeats(day, idAt(ids, at), count));
  }
  return cells.rows();
}

/** Calls `visit` for each entity of a cell, once. Throws a RangeError if the bytes are malformed. */
export function visitEntities({ entities }: Pick<IdentitiesRow, 'entities'>, visit: (entity: number) => void): void {
  const input = new ByteReader(entities);
  for (let entity = 0; !input.atEnd; ) {
    entity += input.uint();
    visit(entity);
  }
}

/** Calls `visit` for each repeated event of a cell, with the place of its id in some bytes. Throws as `visitEntities`. */
export function visitRepeated(
  { repeated }: Pick<IdentitiesRow, 'repeated'>,
  visit: (count: number, ids: Uint8Array, at: number) => void,
): void {
  const input = new ByteReader(repeated);
  while (!input.atEnd) {
    const at = input.position;
    input.skip(ID_BYTES);
    visit(input.uint(), repeated, at);
  }
}

function createGatherer() {
  const cells = new Map<string, Gathered>();
  return {
    of(key: CellKey): Gathered {
      const text = keyText(key);
      let cell = cells.get(text);
      if (cell === undefined) {
        cell = { key, entities: [], repeats: new Map() };
        cells.set(text, cell);
      }
      return cell;
    },
    rows: () =>
      [...cells.values()].sort(compareCells).map(({ key, entities, repeats }) => ({
        ...key,
        entities: entityBytes(entities),
        repeated: repeatBytes(repeats),
      })),
  };
}

/** Successive receipts of a series mostly share their cell: then no key text is needed. */
function isIn(
  { event_window, received_window }: CellKey,
  { event_ms, received_ms }: { event_ms: number; received_ms: number },
) {
  return (
    Math.floor(event_ms / CELL_MS.hour) === event_window && Math.floor(received_ms / CELL_MS.hour) === received_window
  );
}

function addRepeats({ repeats }: Gathered, id: string, count: number): void {
  repeats.set(id, (repeats.get(id) ?? 0) + count);
}

/** In order, each as the distance from the one before it. */
function entityBytes(entities: readonly number[]): Uint8Array {
  const out = new ByteWriter();
  let last = -1;
  for (const entity of Float64Array.from(entities).sort()) {
    if (entity === last) continue;
    out.uint(last < 0 ? entity : entity - last);
    last = entity;
  }
  return out.done();
}

function repeatBytes(repeats: ReadonlyMap<string, number>): Uint8Array {
  const out = new ByteWriter();
  for (const [id, count] of [...repeats].sort(([a], [b]) => (a < b ? -1 : 1))) {
    out.raw(decodeBase32Hex(id) ?? new Uint8Array(ID_BYTES));
    out.uint(count);
  }
  return out.done();
}
