import type { DuplicatesFigures } from '@pik/schema';

import type { SliceRow } from '../ports/rows.ts';
import { compareNames, createGroups, type Groups } from './groups.ts';
import { addTo, createHistogram, type Histogram, quantile } from './histogram.ts';
import { createNumberIndex, createPlaceSet, type NumberIndex, type PlaceSet } from './number-index.ts';
import { coverageOf, groupOf, isInScope, type ReportScope } from './report-scope.ts';
import { entityAt, idAt, type ScannedEntry, scanEntries } from './slice-codec.ts';
import { addToHour, createReceiptHours, hoursOf, type ReceiptHours, stormsOf } from './storms.ts';

interface DuplicatesTally {
  events: number;
  duplicates: number;
  conflicts: number;
  /** Places of entities in the report's index. */
  readonly entities: PlaceSet;
  readonly delay: Histogram;
}

/** A duplicates report in the making. */
export interface DuplicatesTallies {
  readonly scope: ReportScope;
  readonly total: DuplicatesTally;
  readonly groups: Groups<DuplicatesTally>;
  /** Repeats per event; only of events that have any. */
  readonly repeats: Map<string, number>;
  readonly hours: ReceiptHours;
  /** By the first 52 bits of the hash that all ids of an entity start with: of a million two share them once in 10,000 times. */
  readonly entities: NumberIndex;
}

const WORST_EVENTS = 10;

const createTally = (): DuplicatesTally => ({
  events: 0,
  duplicates: 0,
  conflicts: 0,
  entities: createPlaceSet(),
  delay: createHistogram(),
});

/** An empty duplicates report. */
export function createDuplicatesTallies(scope: ReportScope, groupsMax: number): DuplicatesTallies {
  return {
    scope,
    total: createTally(),
    groups: createGroups(createTally, groupsMax),
    repeats: new Map(),
    hours: createReceiptHours(),
    entities: createNumberIndex(),
  };
}

/** Adds the receipts of a slice that lie in the scope. */
export function addReceipts(tallies: DuplicatesTallies, slice: SliceRow): void {
  const { scope, total, groups } = tallies;
  const coverage = coverageOf(slice, scope);
  if (coverage === 'none') return;
  const whole = coverage === 'all' ? groups.of(groupOf(slice, scope)) : null;
  const hours = hoursOf(tallies.hours, slice);
  scanEntries(slice.entries, (entry) => {
    if (coverage !== 'all' && !isInScope(entry, scope)) return;
    const group = coverage === 'all' ? whole : groups.of(groupOf(slice, scope, entry));
    const entity = tallies.entities.placeOf(entityAt(slice.entries, entry.idAt));
    addReceipt(total, entry, entity);
    if (group !== null) addReceipt(group, entry, entity);
    const isRepeat = entry.outcome !== 'ACCEPTED';
    addToHour(tallies.hours, hours, { receivedMs: entry.received_ms, isRepeat });
    if (!isRepeat) return;
    const eventId = idAt(slice.entries, entry.idAt);
    tallies.repeats.set(eventId, (tallies.repeats.get(eventId) ?? 0) + 1);
  });
}

function addReceipt(tally: DuplicatesTally, entry: ScannedEntry, entity: number): void {
  if (entry.outcome === 'ACCEPTED') tally.events += 1;
  else if (entry.outcome === 'DUPLICATE') tally.duplicates += 1;
  else tally.conflicts += 1;
  tally.entities.add(entity);
  if (entry.first_received_ms !== null) addTo(tally.delay, entry.received_ms - entry.first_received_ms);
}

/** The figures of all, null without any receipt, those of each group, most repeats first, storms, and the worst events. */
export function duplicatesFigures({ total, groups, repeats, hours }: DuplicatesTallies) {
  const ranked = groups.entries().map(([group, tally]) => ({ group, figures: figuresOf(tally) }));
  const repeatsOf = ({ figures }: (typeof ranked)[number]) => figures.duplicates + figures.conflicts;
  ranked.sort((a, b) => repeatsOf(b) - repeatsOf(a) || compareNames(a.group, b.group));
  const worst = [...repeats].map(([event_id, n]) => ({ event_id, repeats: n }));
  worst.sort((a, b) => b.repeats - a.repeats || (a.event_id < b.event_id ? -1 : 1));
  const figures = figuresOf(total);
  return {
    total: figures.receipts === 0 ? null : figures,
    groups: ranked,
    storms: stormsOf(hours),
    worst: worst.slice(0, WORST_EVENTS),
  };
}

function figuresOf({ events, duplicates, conflicts, entities, delay }: DuplicatesTally): DuplicatesFigures {
  const receipts = events + duplicates + conflicts;
  const at = (q: number) => (delay.count === 0 ? null : quantile(delay, q));
  return {
    receipts,
    events,
    duplicates,
    conflicts,
    entities: entities.size,
    repeat_share: receipts === 0 ? 0 : (duplicates + conflicts) / receipts,
    delay_p50_ms: at(0.5),
    delay_p95_ms: at(0.95),
    delay_max_ms: at(1),
  };
}
