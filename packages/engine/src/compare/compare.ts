import {
  type CompareFinding,
  type CompareQuery,
  type CompareReport,
  compareQuestion,
  fieldFault,
  formatEpochMs,
} from '@pik/schema';

import { openReportPage } from '../reports/report-page.ts';
import { answerQuestion } from '../runtime/answer-question.ts';
import { unlessEnded } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { expressionOf } from '../search/find.ts';
import { readPack } from '../storage/pack-store.ts';
import { findDifferences } from './find-differences.ts';
import { type FigureQuery, type ReadGroups, readGroups } from './read-groups.ts';
import { dividedDifference } from './rules/divided.ts';
import type { Explanation } from './rules/explanations.ts';
import { eachRow } from './rules/explanations.ts';
import { findingView } from './rules/finding-view.ts';
import { type GroupQueries, groupQueries, rangeText } from './rules/group-query.ts';
import type { ItemSet } from './rules/items.ts';

/**
 * What distinguishes two groups of receipts? Throws `REQUEST_INVALID` with the place of a fault in an expression, and
 * `CURSOR_INVALID`.
 */
export const compare = answerQuestion(compareQuestion, async (context, query) => {
  const { cursor, limit, ...question } = query;
  const page = openReportPage(cursor, { report: 'compare', ...question });
  const asOfMs = query.as_of ?? page.nowMs;
  const groups = groupsOf(query);
  const read = await readGroups(context, { groups, figure: figureQuery(query), asOfMs });
  const { table } = read;
  const found = await findDifferences(context, table, { depth: query.depth, support: query.per_mille / 1_000 });
  const difference = dividedDifference(table.dimensions, table.rows, {
    measure: query.measure,
    values: read.figures,
    bRanges: groups.b.ranges.length,
  });
  const paged = page.cut(found.explanations, { itemsMax: limit, nameOf: ({ pattern }) => pattern.items });
  const notes = [...read.notes, ...found.notes];
  return {
    ...groupViews(groups, read),
    as_of: formatEpochMs(asOfMs),
    tried: found.tried,
    support: query.per_mille / 1_000,
    findings: await findingViews(context, paged.items, { sets: found.sets, read }),
    findings_total: found.explanations.length,
    difference,
    left_out: leftOut(groups, read),
    unreadable: read.unreadable,
    next_cursor: paged.next_cursor,
    partial: notes.length > 0,
    notes,
  };
});

function groupsOf(query: CompareQuery): GroupQueries {
  const base = { nowMs: query.now, timeZone: query.time_zone };
  const field = { a: query.a, b: query.b, where: query.where };
  const parsed = (text: string | undefined) => {
    if (text === undefined) return null;
    const name = Object.entries(field).find(([, value]) => value === text)?.[0] ?? 'where';
    return expressionOf(text, base, name);
  };
  return groupQueries(query, parsed);
}

/** The figure of a measure: the path of `of` is read as the one of a condition. */
function figureQuery({ measure, of, now, time_zone }: CompareQuery): FigureQuery {
  if (measure === 'count' || of === undefined) return null;
  const base = { nowMs: now, timeZone: time_zone };
  if (measure === 'share') return { share: expressionOf(of, base, 'of') };
  const expression = expressionOf(`has(${of})`, base, 'of');
  if (expression.kind !== 'has') throw fieldFault('of', 'must be the path of a number, such as payload.amount');
  return { path: expression.path };
}

function groupViews({ a, b }: GroupQueries, { table, coveredFrom }: ReadGroups): Pick<CompareReport, 'a' | 'b'> {
  const [one, other] = [a, b].map(({ where, ranges }, i) => ({
    where,
    ranges: ranges.map(rangeText),
    receipts: table.rows[i] ?? 0,
    covered_from: coveredFrom[i] ?? null,
  }));
  if (one === undefined || other === undefined) throw new RangeError('a comparison has two groups');
  return { a: one, b: other };
}

function leftOut({ asked }: GroupQueries, { table }: ReadGroups): CompareReport['left_out'] {
  return [
    ...[...asked].map((path) => ({ path, why: 'ASKED' as const })),
    ...table.dimensions.flatMap(({ path, hasMore, hasLong }) => [
      ...(hasMore ? [{ path, why: 'MANY_VALUES' as const }] : []),
      ...(hasLong ? [{ path, why: 'LONG_TEXT' as const }] : []),
    ]),
    ...table.maskedPaths.map((path) => ({ path, why: 'MASKED' as const })),
    ...(table.hasMorePaths ? [{ path: 'payload', why: 'MANY_PATHS' as const }] : []),
  ];
}

/** Receipts of each group that a finding names. */
const EXAMPLES_MAX = 3;

interface Shown {
  readonly sets: readonly ItemSet[];
  readonly read: ReadGroups;
}

async function findingViews(
  context: Context,
  explanations: readonly Explanation[],
  { sets, read }: Shown,
): Promise<CompareFinding[]> {
  const packs = new Map<string, Promise<Map<number, string | null>>>();
  const idOf = async (pack_id: string, line: number): Promise<string | null> => {
    const known = packs.get(pack_id) ?? eventIds(context, pack_id);
    packs.set(pack_id, known);
    return (await known).get(line) ?? null;
  };
  const views: CompareFinding[] = [];
  for (const explanation of explanations) {
    const examples = [0, 1].map((group) => rowsOf(explanation, { sets, group: group === 0 ? 0 : 1 }));
    const named = await Promise.all(
      examples.map((rows, group) =>
        Promise.all(
          rows.map(async (row) => {
            const address = read.addressOf(group === 0 ? 0 : 1, row);
            return { ...address, event_id: await idOf(address.pack_id, address.line) };
          }),
        ),
      ),
    );
    const [a_examples = [], b_examples = []] = named;
    views.push({ ...findingView(explanation, { sets, rows: read.table.rows }), a_examples, b_examples });
  }
  return views;
}

function rowsOf({ pattern }: Explanation, of: { readonly sets: readonly ItemSet[]; readonly group: 0 | 1 }): number[] {
  const rows: number[] = [];
  eachRow(pattern.items, of, (row) => {
    rows.push(row);
    return rows.length < EXAMPLES_MAX;
  });
  return rows;
}

/** The ids of the events of a pack by line; of an unreadable one none. */
async function eventIds(context: Context, packId: string): Promise<Map<number, string | null>> {
  const envelopes = (await readPack(context, packId).catch(unlessEnded)) ?? [];
  return new Map(envelopes.map(({ line, event_id }) => [line, event_id]));
}
