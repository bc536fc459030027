import type { DuplicatesFigures } from '@pik/schema';

import type { SliceRow } from '../ports/rows.ts';
import { createGroups, type Groups } from './groups.ts';
import { addTo, createHistogram, type Histogram, quantile } from './histogram.ts';
import { groupOf, isInScope, type ReportScope } from './report-scope.ts';
import type { SliceEntry } from './slice-codec.ts';

interface DuplicatesTally {
  events: number;
  duplicates: number;
  conflicts: number;
  /** The hash prefixes of entities, which all ids of an entity start with. */
  readonly entities: Set<string>;
  readonly delay: Histogram;
}

/** A duplicates report in the making. */
export interface DuplicatesTallies {
  readonly scope: ReportScope;
  readonly total: DuplicatesTally;
  readonly groups: Groups<DuplicatesTally>;
  /** Repeats per event; only of events that have any. */
  readonly repeats: Map<string, number>;
}

/** The first 60 of the 64 bits that all event ids of an entity share: 12 whole characters of the id. */
const ENTITY_CHARS = 12;
const WORST_EVENTS = 10;

const createTally = (): DuplicatesTally => ({
  events: 0,
  duplicates: 0,
  conflicts: 0,
  entities: new Set(),
  delay: createHistogram(),
});

/** An empty duplicates report. */
export function createDuplicatesTallies(scope: ReportScope, groupsMax: number): DuplicatesTallies {
  return { scope, total: createTally(), groups: createGroups(createTally, groupsMax), repeats: new Map() };
}

/** Adds the receipts of a slice that lie in the scope. */
export function addReceipts(tallies: DuplicatesTallies, slice: SliceRow, entries: readonly SliceEntry[]): void {
  if (slice.imported && !tallies.scope.includeImported) return;
  for (const entry of entries) {
    if (!isInScope(entry, tallies.scope)) continue;
    addReceipt(tallies.total, entry);
    const group = tallies.groups.of(groupOf(slice, tallies.scope, entry));
    if (group !== null) addReceipt(group, entry);
    if (entry.outcome !== 'ACCEPTED')
      tallies.repeats.set(entry.event_id, (tallies.repeats.get(entry.event_id) ?? 0) + 1);
  }
}

function addReceipt(tally: DuplicatesTally, entry: SliceEntry): void {
  if (entry.outcome === 'ACCEPTED') tally.events += 1;
  else if (entry.outcome === 'DUPLICATE') tally.duplicates += 1;
  else tally.conflicts += 1;
  tally.entities.add(entry.event_id.slice(0, ENTITY_CHARS));
  if (entry.first_received_ms !== null) addTo(tally.delay, entry.received_ms - entry.first_received_ms);
}

/** The figures of all, null without any receipt, those of each group, most repeats first, and the worst events. */
export function duplicatesFigures({ total, groups, repeats }: DuplicatesTallies) {
  const ranked = groups.entries().map(([group, tally]) => ({ group, figures: figuresOf(tally) }));
  ranked.sort((a, b) => b.figures.duplicates + b.figures.conflicts - (a.figures.duplicates + a.figures.conflicts));
  const worst = [...repeats].map(([event_id, n]) => ({ event_id, repeats: n }));
  worst.sort((a, b) => b.repeats - a.repeats || (a.event_id < b.event_id ? -1 : 1));
  const figures = figuresOf(total);
  return { total: figures.receipts === 0 ? null : figures, groups: ranked, worst: worst.slice(0, WORST_EVENTS) };
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
