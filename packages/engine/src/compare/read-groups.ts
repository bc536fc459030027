import { type CompareReport, formatEpochMs, LIMITS, packStoredMs, type TimeRange } from '@pik/schema';

import { maskedPlaces } from '../mask/mask-rules.ts';
import { spentText } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { matches, numberAt } from '../search/rules/evaluate.ts';
import type { Expression, Path } from '../search/rules/expression.ts';
import type { ReceiptFacts } from '../search/rules/receipt-facts.ts';
import { searchLog } from '../search/search-log.ts';
import { ComparedTable } from './rules/compared-table.ts';
import { createMembership, type GroupQueries } from './rules/group-query.ts';

/** The figure of each receipt: a number at a path, or whether it matches; null for a count. */
export type FigureQuery = { readonly path: Path } | { readonly share: Expression } | null;

/** The groups to read, and what of their receipts. */
export interface ReadOptions {
  readonly groups: GroupQueries;
  readonly figure: FigureQuery;
  readonly asOfMs: number;
}

/** The receipts of both groups. */
export interface ReadGroups {
  readonly table: ComparedTable;
  /** The figures of the receipts, unless they are counted. */
  readonly figures: readonly [Float64Array, Float64Array] | null;
  /** Address of a receipt. */
  addressOf(group: 0 | 1, row: number): { readonly pack_id: string; readonly line: number };
  /** The time since which receipts were compared, if that is not all of the range. */
  readonly coveredFrom: readonly [string | null, string | null];
  readonly unreadable: CompareReport['unreadable'];
  readonly notes: readonly string[];
}

/** Shares of the budget at which reading ends: a group of its own range, all groups. The rest is for the comparison. */
const GROUP_SHARE = 0.4;
const ALL_SHARE = 0.8;

/** More than the receipts of any pack. */
const LINES = 65_536;

/** Reads the receipts of two groups, the last stored first. If the budget ends first, both have their last stored receipts. */
export async function readGroups(context: Context, { groups, figure, asOfMs }: ReadOptions): Promise<ReadGroups> {
  const table = new ComparedTable(groups.asked, maskedPlaces(context));
  const groupOf = createMembership(groups);
  const packs: string[] = [];
  const places: [number[], number[]] = [[], []];
  const values: [number[], number[]] = [[], []];
  const coveredFrom: [string | null, string | null] = [null, null];
  const unreadable: CompareReport['unreadable'] = [];
  const notes: string[] = [];
  let faults = 0;
  const scan = async (groupsRead: readonly (0 | 1)[], range: TimeRange, shareMax: number) => {
    const { a, b } = groups;
    const parts = groupsRead.map((group) => (group === 0 ? a : b).expression);
    const search = { ...range, expression: { kind: 'or', parts } as const, asOfMs };
    const fromMs = range.start_time - LIMITS.search_before_range_ms;
    for await (const step of searchLog(context, search, { place: null, fromMs })) {
      if (step.kind === 'match') {
        const group = groupOf(step.facts);
        if (group === null || !groupsRead.includes(group)) continue;
        if (packs.at(-1) !== step.pack_id) packs.push(step.pack_id);
        places[group].push((packs.length - 1) * LINES + step.facts.envelope.line);
        if (figure !== null) values[group].push(figureOf(figure, step.facts));
        table.add(group, step.facts);
        continue;
      }
      if (step.fault !== null) {
        faults += 1;
        if (unreadable.length < LIMITS.search_unreadable_listed_max)
          unreadable.push({ pack_id: step.pack_id, code: step.fault });
      }
      const why = endOf(shareMax);
      if (why === null) continue;
      notes.push(why);
      for (const group of groupsRead) coveredFrom[group] = formatEpochMs(packStoredMs(step.pack_id));
      return;
    }
  };
  const endOf = (shareMax: number): string | null => {
    if (table.isFull()) return 'one comparison cannot hold all receipts: only the last stored ones were compared';
    const { what, share } = context.budget.used();
    return share < shareMax ? null : `${spentText(what)}: only the last stored receipts were compared`;
  };
  const [range] = groups.a.ranges;
  if (range !== undefined && groups.isOneRange) await scan([0, 1], range, ALL_SHARE);
  else {
    if (range !== undefined) await scan([0], range, GROUP_SHARE);
    for (const one of groups.b.ranges) if (coveredFrom[1] === null) await scan([1], one, ALL_SHARE);
  }
  if (faults > 0) notes.push(`${faults} of the packs could not be read, so their receipts were not compared`);
  return {
    table,
    figures: figure === null ? null : [Float64Array.from(values[0]), Float64Array.from(values[1])],
    addressOf(group, row) {
      const place = places[group][row] ?? 0;
      return { pack_id: packs[Math.floor(place / LINES)] ?? '', line: place % LINES };
    },
    coveredFrom,
    unreadable,
    notes: [...new Set(notes)],
  };
}

function figureOf(figure: Exclude<FigureQuery, null>, facts: ReceiptFacts): number {
  if ('share' in figure) return matches(figure.share, facts) ? 1 : 0;
  return numberAt(figure.path, facts) ?? Number.NaN;
}
