import type { DuplicatesFigures } from '@pik/schema';

import { histogramOf } from '../../../cells/rules/cell-codec.ts';
import { visitEntities, visitRepeated } from '../../../cells/rules/identities.ts';
import type { CellRow, IdentitiesRow } from '../../../ports/cell-row.ts';
import type { SliceRow } from '../../../ports/rows.ts';
import { addTo, createHistogram, type Histogram, mergeInto, quantile } from '../../../statistics/histogram.ts';
import { hash52At, type ScannedEntry, scanEntries } from '../../../storage/rules/slice-codec.ts';
import { groupOfCell } from '../../rules/cell-scope.ts';
import { compareNames, createGroups, type Groups } from '../../rules/groups.ts';
import { coverageOf, groupOf, isInScope, type ReportScope } from '../../rules/report-scope.ts';
import { createEntityCounts, type EntityCounts } from './entity-counts.ts';
import { createRepeatCounts, type RepeatCounts, type RepeatOptions } from './repeat-counts.ts';
import { addCellToHours, addToHour, createReceiptHours, hoursOf, type ReceiptHours, stormsOf } from './storms.ts';

interface DuplicatesTally {
  /** Number of the tally. */
  readonly no: number;
  events: number;
  duplicates: number;
  conflicts: number;
  readonly delay: Histogram;
}

/** A duplicates report while being gathered: one walk over all receipts, and further ones while `nextWalk` returns true. */
export interface DuplicatesTallies {
  readonly scope: ReportScope;
  readonly total: DuplicatesTally;
  readonly groups: Groups<DuplicatesTally>;
  readonly hours: ReceiptHours;
  readonly repeats: RepeatCounts;
  /** By the first 52 bits of the entity hash in ids: among a million entities, two collide in one of 10,000 cases. */
  readonly entities: EntityCounts;
  /** The counts that this walk still gathers. */
  walk: { receipts: boolean; repeats: boolean; entities: boolean };
}

/** The limits of a duplicates report. */
export interface DuplicatesOptions extends RepeatOptions {
  readonly groupsMax: number;
  /** Pairs of entity and group in memory at a time. Default two million: 50 MB. */
  readonly heldPairsMax?: number | undefined;
}

/** Creates an empty duplicates report. */
export function createDuplicatesTallies(scope: ReportScope, options: DuplicatesOptions): DuplicatesTallies {
  let made = 0;
  const create = (): DuplicatesTally => ({
    no: made++,
    events: 0,
    duplicates: 0,
    conflicts: 0,
    delay: createHistogram(),
  });
  return {
    scope,
    total: create(),
    groups: createGroups(create, options.groupsMax),
    hours: createReceiptHours(),
    repeats: createRepeatCounts(options),
    entities: createEntityCounts(options.heldPairsMax),
    walk: { receipts: true, repeats: true, entities: true },
  };
}

/** Estimates the number of walks over all receipts, from what the first one has found so far. */
export function walksNeeded({ repeats, entities }: DuplicatesTallies): number {
  return Math.max(repeats.walks, entities.walks);
}

/** Ends a walk over all receipts. Returns true if another is needed for events or entities beyond the memory limit. */
export function nextWalk(tallies: DuplicatesTallies): boolean {
  const { walk, repeats, entities } = tallies;
  tallies.walk = {
    receipts: false,
    repeats: walk.repeats && repeats.next(),
    entities: walk.entities && entities.next(),
  };
  return tallies.walk.repeats || tallies.walk.entities;
}

/** Adds those receipts of a slice that lie in the scope. */
export function addReceipts(tallies: DuplicatesTallies, slice: SliceRow): void {
  const { scope, total, groups, walk, repeats, entities } = tallies;
  const coverage = coverageOf(slice, scope);
  if (coverage === 'none') return;
  if (!walk.receipts && !walk.entities && slice.duplicates + slice.conflicts === 0) return;
  const sliceGroup = coverage === 'all' ? groups.of(groupOf(slice, scope)) : null;
  const hours = hoursOf(tallies.hours, slice);
  scanEntries(slice.entries, (entry) => {
    if (coverage !== 'all' && !isInScope(entry, scope)) return;
    const group = coverage === 'all' ? sliceGroup : groups.of(groupOf(slice, scope, entry));
    const isRepeat = entry.outcome !== 'ACCEPTED';
    if (walk.receipts) {
      addReceipt(total, entry);
      if (group !== null) addReceipt(group, entry);
      addToHour(tallies.hours, hours, { receivedMs: entry.received_ms, isRepeat });
    }
    if (walk.entities) {
      const entity = hash52At(slice.entries, entry.idAt);
      entities.add(entity, total.no);
      if (group !== null) entities.add(entity, group.no);
    }
    if (walk.repeats && isRepeat) repeats.add(slice.entries, entry.idAt);
  });
}

/** Adds a cell that counts completely. */
export function addCell(tallies: DuplicatesTallies, cell: CellRow, identities: IdentitiesRow): void {
  const { scope, total, groups, walk, repeats, entities } = tallies;
  const group = groups.of(groupOfCell(cell, scope));
  const counted = group === null ? [total] : [total, group];
  if (walk.receipts) {
    for (const tally of counted) {
      tally.events += cell.accepted;
      tally.duplicates += cell.duplicates;
      tally.conflicts += cell.conflicts;
      mergeInto(tally.delay, histogramOf(cell.delay));
    }
    addCellToHours(tallies.hours, cell);
  }
  if (walk.entities)
    visitEntities(identities, (entity) => {
      for (const { no } of counted) entities.add(entity, no);
    });
  if (walk.repeats) visitRepeated(identities, (count, ids, at) => repeats.add(ids, at, count));
}

function addReceipt(tally: DuplicatesTally, entry: ScannedEntry): void {
  if (entry.outcome === 'ACCEPTED') tally.events += 1;
  else if (entry.outcome === 'DUPLICATE') tally.duplicates += 1;
  else tally.conflicts += 1;
  if (entry.first_received_ms !== null) addTo(tally.delay, entry.received_ms - entry.first_received_ms);
}

/** Returns the figures of all receipts, null without any, of each group, most repeats first, storms, and the worst events. */
export function duplicatesFigures({ total, groups, repeats, hours, entities }: DuplicatesTallies) {
  const ranked = groups.entries().map(([group, tally]) => ({ group, figures: figuresOf(tally, entities) }));
  const repeatsOf = ({ figures }: (typeof ranked)[number]) => figures.duplicates + figures.conflicts;
  ranked.sort((a, b) => repeatsOf(b) - repeatsOf(a) || compareNames(a.group, b.group));
  const figures = figuresOf(total, entities);
  return {
    total: figures.receipts === 0 ? null : figures,
    groups: ranked,
    storms: stormsOf(hours),
    worst: repeats.top(),
    worst_total: repeats.total,
  };
}

function figuresOf(
  { no, events, duplicates, conflicts, delay }: DuplicatesTally,
  entities: EntityCounts,
): DuplicatesFigures {
  const receipts = events + duplicates + conflicts;
  const at = (q: number) => (delay.count === 0 ? null : quantile(delay, q));
  return {
    receipts,
    events,
    duplicates,
    conflicts,
    entities: entities.of(no),
    repeat_share: receipts === 0 ? 0 : (duplicates + conflicts) / receipts,
    delay_p50_ms: at(0.5),
    delay_p95_ms: at(0.95),
    delay_max_ms: at(1),
  };
}
