import { MS_PER_DAY, MS_PER_HOUR } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { expect, it } from 'vitest';

import { encodeCell } from '../../cells/rules/cell-codec.ts';
import { createCellMaker, dayCells } from '../../cells/rules/make-cells.ts';
import { sliceOfEntries } from '../../ingest/rules/slices.ts';
import type { CellRow } from '../../ports/cell-row.ts';
import type { SliceRow } from '../../ports/rows.ts';
import { decodeEntries } from '../../storage/rules/slice-codec.ts';
import {
  addDayCell,
  addScannedDay,
  coverageOfDay,
  createCompletenessTallies,
} from '../completeness/rules/completeness-report.ts';
import { addCellReceipts, addEntryReceipt, createFailureTallies } from '../failures/rules/failures-report.ts';
import { createCalendar } from '../gaps/rules/calendar.ts';
import { addCell, coverageOfWindows } from '../gaps/rules/closed-windows.ts';
import { addScanned, createGapCells, type GapScope } from '../gaps/rules/gap-cells.ts';
import { coverageOfCell, eventDayOf } from './cell-scope.ts';
import { type Coverage, isInScope, type ReportScope } from './report-scope.ts';

// A report counts the same by cells, and by receipts where it needs them, as receipt by receipt.

/** The night in which clocks in Europe are set forward. */
const START = Date.UTC(2026, 2, 28, 23);

// Dense and mostly on bounds of minutes, half hours, hours and days, so that cells hold several receipts and are divided by few.
const timeMs = fc.oneof(
  fc.integer({ min: -8, max: 8 }).map((halves) => START + halves * (MS_PER_HOUR / 2)),
  fc.integer({ min: -150, max: 150 }).map((minutes) => START + minutes * 60_000 + (minutes % 3)),
  fc.integer({ min: START - 70_000, max: START + 70_000 }),
);
const outcome = fc.constantFrom('ACCEPTED' as const, 'ACCEPTED' as const, 'DUPLICATE' as const, 'CONFLICT' as const);
const sent = fc.option(fc.integer({ min: -3_000, max: 3_000 }));
const receipt = fc.oneof(
  fc.record({ event_ms: timeMs, received_ms: timeMs, outcome, sent }),
  // Of one hour, and received around the time as of which most questions are asked.
  fc.record({
    event_ms: fc.integer({ min: START - 3 * MS_PER_HOUR, max: START - 2 * MS_PER_HOUR - 1 }),
    received_ms: fc.integer({ min: START, max: START + 5 }),
    outcome,
    sent,
  }),
);
const pack = fc.record({
  source: fc.constantFrom('a', 'b'),
  imported: fc.nat(3).map((n) => n === 0),
  receipts: fc.array(receipt, { minLength: 1, maxLength: 6 }),
});

/** The slices of a pack: one for each event day. */
function slicesOf(
  { source, imported, receipts }: typeof pack extends fc.Arbitrary<infer T> ? T : never,
  no: number,
): SliceRow[] {
  const entries = receipts.map(({ sent, ...one }, line) => ({
    ...one,
    event_id: `${(no * 100 + line).toString(32).padStart(46, '0')}0`,
    event_sub_ns: 0,
    payload_hash: '0'.repeat(64),
    line,
    sent_ms: sent === null ? null : one.received_ms - sent,
    first_received_ms: one.outcome === 'ACCEPTED' ? null : one.received_ms - 60_000,
  }));
  const pack_id = `019b0000-0000-7000-8000-${no.toString(16).padStart(12, '0')}`;
  const common = { pack_id, source, event_type: 't', imported, expires_ms: Number.POSITIVE_INFINITY };
  const days = Map.groupBy(entries, ({ event_ms }) => Math.floor(event_ms / MS_PER_DAY));
  return [...days].map(([event_day, list]) => sliceOfEntries(list, { ...common, event_day }));
}

interface Take {
  fit(cell: CellRow): Coverage;
  cell(cell: CellRow): void;
  slice(slice: SliceRow): void;
}

const nameOf = ({ source, imported }: Pick<SliceRow, 'source' | 'imported'>, day: number) =>
  `${source} ${imported} ${day}`;

/** Takes cells where they count completely, and otherwise the slices of their series and event day, as the reader does. */
function takeCells(slices: readonly SliceRow[], grain: 'hour' | 'day', take: Take): void {
  const maker = createCellMaker();
  for (const slice of slices) maker.add(slice);
  const cells = grain === 'hour' ? maker.rows() : dayCells(maker.cells()).map((cell) => encodeCell(cell));
  const divided = new Set(
    cells.filter((cell) => take.fit(cell) === 'some').map((cell) => nameOf(cell, eventDayOf(cell))),
  );
  for (const cell of cells) {
    if (take.fit(cell) === 'all' && !divided.has(nameOf(cell, eventDayOf(cell)))) take.cell(cell);
  }
  for (const slice of slices) if (divided.has(nameOf(slice, slice.event_day))) take.slice(slice);
}

const bounds = fc.oneof(
  fc.constant([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const),
  fc.tuple(fc.constant(Number.NEGATIVE_INFINITY), timeMs),
  fc.tuple(timeMs, fc.constant(Number.POSITIVE_INFINITY)),
  fc.tuple(timeMs, timeMs),
);
const asked = fc.record({
  packs: fc.array(pack, { maxLength: 8 }),
  cells: fc.constantFrom('hour' as const, 'day' as const),
  bounds,
  asOfMs: fc.oneof(timeMs, fc.constantFrom(START, START + 2, Number.MAX_SAFE_INTEGER)),
  basis: fc.constantFrom('event' as const, 'received' as const),
  timeZone: fc.constantFrom('UTC', 'UTC', 'Europe/Berlin', 'Asia/Kolkata'),
  includeImported: fc.boolean(),
});

const scopeOf = ({
  bounds: [a, b],
  asOfMs,
  basis,
  timeZone,
  includeImported,
}: typeof asked extends fc.Arbitrary<infer T> ? T : never) => ({
  start_time: Math.min(a, b),
  end_time: Math.max(a, b),
  asOfMs,
  basis,
  timeZone,
  includeImported,
});

it('gap reports hold the same windows', () => {
  const grains = fc.constantFrom('hour' as const, 'day' as const, 'minute' as const);
  fc.assert(
    fc.property(asked, grains, (question, grain) => {
      const { start_time, end_time, timeZone, ...rest } = scopeOf(question);
      const calendar = createCalendar(grain, timeZone);
      const scope: GapScope = {
        ...rest,
        calendar,
        readFromMs: start_time,
        readToMs: end_time,
        by: ['source'],
        cellsMax: 1e6,
      };
      const slices = question.packs.flatMap(slicesOf);
      const [expected, found] = [createGapCells(scope), createGapCells(scope)];
      for (const slice of slices) addScanned(expected, slice);
      takeCells(slices, question.cells, {
        fit: (cell) => coverageOfWindows(cell, scope),
        cell: (cell) => addCell(found, cell),
        slice: (slice) => addScanned(found, slice),
      });
      // A series without windows does not count.
      const windowsIn = ({ series }: typeof found) => [...series].filter(([, { cells }]) => cells.size > 0).sort(byKey);
      expect(windowsIn(found)).toEqual(windowsIn(expected));
      expect(found.cells).toBe(expected.cells);
    }),
    runs(1_500),
  );
});

const byKey = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1);

it('completeness reports hold the same arrivals of each day', () => {
  fc.assert(
    fc.property(asked, (question) => {
      const scope: ReportScope = { ...scopeOf(question), by: [], basis: 'event' };
      const slices = question.packs.flatMap(slicesOf).filter(({ imported }) => !imported || scope.includeImported);
      const [expected, found] = [
        createCompletenessTallies(scope, ['source']),
        createCompletenessTallies(scope, ['source']),
      ];
      for (const slice of slices) addScannedDay(expected, slice);
      takeCells(slices, question.cells, {
        fit: (cell) => coverageOfDay(cell, scope),
        cell: (cell) => addDayCell(found, cell),
        slice: (slice) => addScannedDay(found, slice),
      });
      expect(found.days).toEqual(expected.days);
    }),
    runs(1_500),
  );
});

it('failure reports count the same receipts of each group', () => {
  const groups = fc.constantFrom<ReportScope['by'][]>([], ['source'], ['day'], ['hour', 'source']);
  fc.assert(
    fc.property(asked, groups, (question, by) => {
      const scope: ReportScope = { ...scopeOf(question), by };
      const slices = question.packs.flatMap(slicesOf).filter(({ imported }) => !imported || scope.includeImported);
      const options = { groupsMax: 1_000, baseline: false };
      const [expected, found] = [createFailureTallies(scope, options), createFailureTallies(scope, options)];
      const scan = (tallies: typeof found, slice: SliceRow) => {
        for (const entry of decodeEntries(slice.entries))
          if (isInScope(entry, scope)) addEntryReceipt(tallies, slice, entry);
      };
      for (const slice of slices) scan(expected, slice);
      takeCells(slices, question.cells, {
        fit: (cell) => coverageOfCell(cell, scope),
        cell: (cell) => addCellReceipts(found, cell),
        slice: (slice) => scan(found, slice),
      });
      expect(found.total).toBe(expected.total);
      const counts = ({ receipts }: typeof found) =>
        new Map(receipts.entries().map(([name, n]) => [JSON.stringify(name), n]));
      expect(counts(found)).toEqual(counts(expected));
    }),
    runs(1_500),
  );
});
