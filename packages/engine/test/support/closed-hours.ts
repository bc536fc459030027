import { KitError, MS_PER_HOUR, packStoredMs } from '@pik/schema';

import { dayRows } from '../../src/cells/rules/day-rows.ts';
import { createIdentitiesMaker, dayIdentities } from '../../src/cells/rules/identities.ts';
import { createCellMaker } from '../../src/cells/rules/make-cells.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { CellRow, IdentitiesRow } from '../../src/ports/cell-row.ts';
import type { ClosedEvent, ClosedHour, ClosedHours, ReceiptFilter } from '../../src/ports/closed-hours.ts';
import type { SliceRow } from '../../src/ports/rows.ts';
import { readPages } from '../../src/runtime/pages.ts';
import { decodeEntries } from '../../src/storage/rules/slice-codec.ts';

const EVER = { fromDay: -4_000_000, toDay: 4_000_000 };

/** Which packs of a backend are in closed hours. */
export interface Closing {
  /** Hours since 1970, by storage time. */
  readonly hours: ReadonlySet<number>;
  /** Packs that were found after their hour was closed. */
  readonly late: ReadonlySet<string>;
  /** Closed hours whose cells cannot be read. */
  readonly damaged: ReadonlySet<number>;
  /** Whether there are cells of days. */
  readonly withDays: boolean;
  /** Whether the identities of cells can be read. */
  readonly withIdentities: boolean;
}

/** Closed hours in memory: their cells and receipts are made of the slices of a backend whenever they are read. */
export function createClosedHours(backend: Backend, closing: () => Closing): ClosedHours<CellRow> {
  const coveredBy = (hourMs: number, packId: string) => {
    const { hours, late } = closing();
    const hour = Math.floor(packStoredMs(packId) / MS_PER_HOUR);
    return hour * MS_PER_HOUR === hourMs && hours.has(hour) && !late.has(packId);
  };
  const slicesOf = async (hourMs: number) => {
    const slices: SliceRow[] = [];
    const read = (cursor: string | null) => backend.index.listSlices({ ...EVER, withEntries: true, cursor });
    for await (const slice of readPages(read)) if (coveredBy(hourMs, slice.pack_id)) slices.push(slice);
    return slices;
  };
  const cellsOf = async (hourMs: number) => {
    const maker = createCellMaker();
    for (const slice of await slicesOf(hourMs)) maker.add(slice);
    return maker.rows();
  };
  return {
    async list({ fromMs, toMs }) {
      const hours = [...closing().hours].sort((a, b) => a - b).map((hour) => hour * MS_PER_HOUR);
      const found: ClosedHour[] = [];
      for (const hour_ms of hours.filter((hourMs) => hourMs >= fromMs && hourMs < toMs)) {
        const covers = (packId: string) => coveredBy(hour_ms, packId);
        const hasLate = [...closing().late].some(
          (packId) => Math.floor(packStoredMs(packId) / MS_PER_HOUR) * MS_PER_HOUR === hour_ms,
        );
        found.push({ ...hourRow(hour_ms, await cellsOf(hour_ms)), covers, hasLate });
      }
      return found;
    },
    async readCells({ hour_ms }) {
      if (closing().damaged.has(hour_ms / MS_PER_HOUR)) throw new KitError('RAW_CORRUPT');
      return cellsOf(hour_ms);
    },
    async readDay(hours) {
      const { damaged, withDays } = closing();
      if (!withDays) return null;
      if (hours.some(({ hour_ms }) => damaged.has(hour_ms / MS_PER_HOUR))) throw new KitError('RAW_CORRUPT');
      const cells: CellRow[][] = [];
      for (const { hour_ms } of hours) cells.push(await cellsOf(hour_ms));
      return dayRows(cells);
    },
    async readIdentities({ hours, isDay }) {
      if (!closing().withIdentities) return null;
      const rows: IdentitiesRow[][] = [];
      for (const { hour_ms } of hours) {
        const maker = createIdentitiesMaker();
        for (const slice of await slicesOf(hour_ms)) maker.add(slice);
        rows.push(maker.rows());
      }
      return isDay ? dayIdentities(rows) : rows.flat();
    },
    readIntervals: async () => null,
    async *readReceipts({ hour_ms }, filter = {}) {
      for (const slice of await slicesOf(hour_ms)) yield* receiptsOf(backend, slice, filter);
    },
    async *readArrivals({ hour_ms }) {
      for (const { source, event_type, imported, entries } of await slicesOf(hour_ms))
        for (const entry of decodeEntries(entries))
          if (entry.outcome === 'ACCEPTED') yield { ...entry, source, event_type, imported };
    },
    readWords: async () => new Map(),
  };
}

const NO_FILE = { key: '', bytes: 0, sha256: '' };

/** The commit of an hour, with the bounds that reports use. */
function hourRow(hour_ms: number, cells: readonly CellRow[]): Omit<ClosedHour, 'covers' | 'hasLate'> {
  const least = (values: number[]) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const greatest = (values: number[]) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const bound = (value: number) => (Number.isFinite(value) ? value : null);
  return {
    hour_ms,
    generation: 1,
    revision: 0,
    root: '',
    packs: 1_000,
    // Enough for reports to read cells.
    receipts: 1_000_000,
    counts: {},
    first_pack_id: '',
    last_pack_id: '',
    received_min_ms: least(cells.map(({ received_min_ms }) => received_min_ms)),
    received_max_ms: greatest(cells.map(({ received_max_ms }) => received_max_ms)),
    event_min_ms: bound(least(cells.map(({ event_min_ms }) => event_min_ms))),
    event_max_ms: bound(greatest(cells.map(({ event_max_ms }) => event_max_ms))),
    closed_ms: hour_ms + MS_PER_HOUR,
    form: '',
    packs_file: NO_FILE,
    outcomes_file: NO_FILE,
    seeds_file: NO_FILE,
    cells_file: NO_FILE,
    identities_file: NO_FILE,
    columns: [],
    moved_file: null,
    moved: 0,
  };
}

async function* receiptsOf(backend: Backend, slice: SliceRow, filter: ReceiptFilter): AsyncGenerator<ClosedEvent> {
  const { pack_id, source, event_type, imported } = slice;
  const { eventFromMs = Number.NEGATIVE_INFINITY, eventToMs = Number.POSITIVE_INFINITY } = filter;
  if ((filter.source ?? source) !== source || (filter.event_type ?? event_type) !== event_type) return;
  for (const entry of decodeEntries(slice.entries)) {
    if (entry.event_ms < eventFromMs || entry.event_ms >= eventToMs) continue;
    const first = await backend.index.getEvent(entry.event_id);
    yield {
      ...entry,
      pack_id,
      source,
      event_type,
      imported,
      request_id: 'r',
      request_line: entry.line,
      answered: entry.outcome,
      entity_id: first?.entity_id ?? '',
      rule: first?.rule ?? 'content',
      idempotency_key: first?.idempotency_key ?? null,
      producer_id: null,
      producer_seq: null,
      flags: 0,
    };
  }
}
