import type { LagDetails } from '@pik/schema';

import { type CellExtreme, higherOf, lowerOf } from '../../../cells/rules/cell.ts';
import { extremesOf, histogramOf, worstOf } from '../../../cells/rules/cell-codec.ts';
import type { CellRow } from '../../../ports/cell-row.ts';
import type { SliceRow } from '../../../ports/rows.ts';
import { addTo, createHistogram, type Histogram, mergeInto, quantile } from '../../../statistics/histogram.ts';
import { createTopRanked, type TopRanked } from '../../../statistics/top-ranked.ts';
import { idAt, type ScannedEntry } from '../../../storage/rules/slice-codec.ts';
import { createGroups, type Groups } from '../../rules/groups.ts';
import type { GroupName, ReportScope } from '../../rules/report-scope.ts';
import { type Arrivals, createArrivals, type OutOfOrder } from './arrivals.ts';

interface DetailTally {
  /** Its number among the groups. */
  readonly no: number;
  readonly produce: Histogram;
  readonly transport: Histogram;
  lowest: CellExtreme | null;
  highest: CellExtreme | null;
}

/** Details of lag that only receipts contain, while being gathered. */
export interface DetailTallies {
  /** The tally for events beyond the maximum number of groups. */
  readonly rest: DetailTally;
  readonly groups: Groups<DetailTally>;
  /** The events with the largest lag. */
  readonly worst: TopRanked;
  readonly arrivals: Arrivals;
  readonly seriesNo: Map<string, number>;
}

/** Creates empty details. */
export function createDetailTallies(options: { groupsMax: number; worstMax: number }): DetailTallies {
  let made = 0;
  const create = (): DetailTally => ({
    no: made++,
    produce: createHistogram(),
    transport: createHistogram(),
    lowest: null,
    highest: null,
  });
  return {
    rest: create(),
    groups: createGroups(create, options.groupsMax),
    worst: createTopRanked(options.worstMax),
    arrivals: createArrivals(),
    seriesNo: new Map(),
  };
}

/** Returns the number of a series. */
export function seriesNoOf(
  { seriesNo }: DetailTallies,
  { source, event_type }: Pick<SliceRow, 'source' | 'event_type'>,
): number {
  const key = `${source}\u0000${event_type}`;
  const known = seriesNo.get(key) ?? seriesNo.size;
  seriesNo.set(key, known);
  return known;
}

/** Adds a first arrival in the scope to its group; the group is null if there are too many. */
export function addDetail(
  tallies: DetailTallies,
  entry: ScannedEntry,
  { slice, series, group }: { slice: SliceRow; series: number; group: DetailTally | null },
): void {
  const { received_ms, event_ms, sent_ms } = entry;
  const lag = received_ms - event_ms;
  tallies.arrivals.add(entry, { series, group: group?.no ?? 0 });
  if (sent_ms !== null) {
    const tally = group ?? tallies.rest;
    addTo(tally.produce, sent_ms - event_ms);
    addTo(tally.transport, received_ms - sent_ms);
  }
  if (group !== null) {
    const at = () => ({ lag, event_id: idAt(slice.entries, entry.idAt), pack_id: slice.pack_id, line: entry.line });
    if (group.lowest === null || lag <= group.lowest.lag) group.lowest = firstOf(group.lowest, at());
    if (group.highest === null || lag >= group.highest.lag) group.highest = firstOf(group.highest, at());
  }
  tallies.worst.offer(lag, () => idAt(slice.entries, entry.idAt));
}

/** Adds a cell that counts completely, but not the order of its arrivals. */
export function addDetailCell(tallies: DetailTallies, cell: CellRow, group: DetailTally | null): void {
  const tally = group ?? tallies.rest;
  mergeInto(tally.produce, histogramOf(cell.produce));
  mergeInto(tally.transport, histogramOf(cell.transport));
  if (group !== null) {
    const { lowest, highest } = extremesOf(cell);
    group.lowest = lowerOf(group.lowest, lowest);
    group.highest = higherOf(group.highest, highest);
  }
  for (const { rank, id } of worstOf(cell)) tallies.worst.offer(rank, () => id);
}

/** Returns the new extreme, or, if the lags are equal, the one with the smaller id, so that the order of slices has no effect. */
function firstOf(known: CellExtreme | null, other: CellExtreme): CellExtreme {
  return known !== null && known.lag === other.lag && known.event_id <= other.event_id ? known : other;
}

/** Returns the details of all events and of each group. */
export function lagDetails(tallies: DetailTallies): {
  total: LagDetails;
  of(name: GroupName): { details: LagDetails; lowest: CellExtreme | null; highest: CellExtreme | null } | null;
} {
  const counts = tallies.arrivals.outOfOrder();
  const sum: OutOfOrder = { series: 0, over_all: 0 };
  for (const { series, over_all } of counts.values()) {
    sum.series += series;
    sum.over_all += over_all;
  }
  const view = (tally: DetailTally, out_of_order: OutOfOrder): LagDetails => ({
    out_of_order,
    produce: partOf(tally.produce),
    transport: partOf(tally.transport),
  });
  const byName = new Map(tallies.groups.entries().map(([name, tally]) => [JSON.stringify(name), tally]));
  return {
    total: view(totalOf(tallies), sum),
    of(name) {
      const tally = byName.get(JSON.stringify(name));
      if (tally === undefined) return null;
      const { lowest, highest } = tally;
      return { details: view(tally, counts.get(tally.no) ?? { series: 0, over_all: 0 }), lowest, highest };
    },
  };
}

/** Merges all groups and the events without a group. */
function totalOf({ rest, groups }: DetailTallies): DetailTally {
  const total: DetailTally = {
    no: 0,
    produce: createHistogram(),
    transport: createHistogram(),
    lowest: null,
    highest: null,
  };
  for (const tally of [rest, ...groups.entries().map(([, one]) => one)]) {
    mergeInto(total.produce, tally.produce);
    mergeInto(total.transport, tally.transport);
  }
  return total;
}

function partOf(histogram: Histogram): LagDetails['produce'] {
  if (histogram.count === 0) return null;
  return {
    count: histogram.count,
    p50_ms: quantile(histogram, 0.5),
    p95_ms: quantile(histogram, 0.95),
    max_ms: histogram.max,
    mean_ms: histogram.sum / histogram.count,
  };
}

/** Returns the tally of a group; null if there are too many. */
export function detailGroup(tallies: DetailTallies, name: GroupName): DetailTally | null {
  return tallies.groups.of(name);
}

/** Whether a scanned receipt is a first arrival in the scope. */
export function isFirstInScope(entry: ScannedEntry, { basis, start_time, end_time, asOfMs }: ReportScope): boolean {
  const time = basis === 'event' ? entry.event_ms : entry.received_ms;
  return entry.outcome === 'ACCEPTED' && time >= start_time && time < end_time && entry.received_ms <= asOfMs;
}
