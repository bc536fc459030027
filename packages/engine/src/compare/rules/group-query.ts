import {
  type CompareQuery,
  type CompareReport,
  formatEpochMs,
  MS_PER_DAY,
  type TimeRange,
  zoneOffsets,
} from '@pik/schema';

import { matches } from '../../search/rules/evaluate.ts';
import { EVERY_RECEIPT, type Expression } from '../../search/rules/expression.ts';
import type { ReceiptFacts } from '../../search/rules/receipt-facts.ts';
import { pathText } from './path-text.ts';

/** One of the two groups: receipts of some ranges that match an expression. */
export interface GroupQuery {
  readonly expression: Expression;
  /** Ranges of receive times. */
  readonly ranges: readonly TimeRange[];
  /** The expression as text. */
  readonly where: string;
}

/** The two groups of a comparison. */
export interface GroupQueries {
  readonly a: GroupQuery;
  readonly b: GroupQuery;
  /** True if both are of the same range, so that it is read once. */
  readonly isOneRange: boolean;
  /** Paths that the groups are chosen by: that they differ there is known. */
  readonly asked: ReadonlySet<string>;
}

type Parsed = (text: string | undefined) => Expression | null;

/** Reads who belongs to which group. `parsed` reads an expression, and returns null without one. */
export function groupQueries(query: CompareQuery, parsed: Parsed): GroupQueries {
  const range = { start_time: query.start_time, end_time: query.end_time };
  const bRanges = rangesOfB(query, range);
  const isOneRange = bRanges === null;
  const [a, b, where] = [parsed(query.a), parsed(query.b), parsed(query.where)];
  const rest = isOneRange ? (one: Expression): Expression => ({ kind: 'not', part: one }) : (one: Expression) => one;
  const restText = (text: string) => (isOneRange ? `not (${text})` : text);
  const [aOwn, bOwn] = [a ?? (b === null ? EVERY_RECEIPT : rest(b)), b ?? (a === null ? EVERY_RECEIPT : rest(a))];
  const aText = query.a ?? (query.b === undefined ? '' : restText(query.b));
  const bText = query.b ?? (query.a === undefined ? '' : restText(query.a));
  const group = (own: Expression, text: string, ranges: readonly TimeRange[]) => ({
    expression: where === null ? own : ({ kind: 'and', parts: [where, own] } as const),
    where: query.where === undefined ? text : text === '' ? query.where : `(${query.where}) and (${text})`,
    ranges,
  });
  return {
    a: group(aOwn, aText, [range]),
    b: group(bOwn, bText, bRanges ?? [range]),
    isOneRange,
    asked: aText === bText ? new Set() : askedPaths([aOwn, bOwn]),
  };
}

const WEEK_MS = 7 * MS_PER_DAY;

/** The ranges of group B if they are not that of A. */
function rangesOfB(query: CompareQuery, { start_time, end_time }: TimeRange): TimeRange[] | null {
  const { weeks, b_from, b_to, now, time_zone } = query;
  if (weeks !== undefined) {
    const offsetAt = zoneOffsets(time_zone);
    // The same time on the clock, so that a change of the clock in between moves nothing.
    const before = (ms: number, week: number) => {
      const then = ms - week * WEEK_MS;
      return then + offsetAt(ms) - offsetAt(then);
    };
    const endMs = Math.min(end_time, now);
    return Array.from({ length: weeks }, (_, i) => ({
      start_time: before(start_time, i + 1),
      end_time: before(endMs, i + 1),
    }));
  }
  if (b_from === undefined && b_to === undefined) return null;
  return [{ start_time: b_from ?? Number.NEGATIVE_INFINITY, end_time: b_to ?? Number.POSITIVE_INFINITY }];
}

/** Which paths an expression says together: a rejected receipt has a code. */
const TOGETHER: Readonly<Record<string, string>> = { outcome: 'reject_code', reject_code: 'outcome' };

function askedPaths(expressions: readonly Expression[]): ReadonlySet<string> {
  const paths = new Set(expressions.flatMap(pathsOf));
  for (const path of [...paths]) {
    const other = TOGETHER[path];
    if (other !== undefined) paths.add(other);
  }
  return paths;
}

function pathsOf(expression: Expression): string[] {
  switch (expression.kind) {
    case 'and':
    case 'or':
      return expression.parts.flatMap(pathsOf);
    case 'not':
      return pathsOf(expression.part);
    default:
      return [pathText(expression.path)];
  }
}

/** Says which group a receipt belongs to; null if to none. A receipt that fits both is in A. */
export function createMembership({ a, b }: GroupQueries): (facts: ReceiptFacts) => 0 | 1 | null {
  const isInA = memberOf(a);
  const isInB = memberOf(b);
  return (facts) => (isInA(facts) ? 0 : isInB(facts) ? 1 : null);
}

function memberOf({ ranges, expression }: GroupQuery): (facts: ReceiptFacts) => boolean {
  const texts = ranges.map(rangeText);
  return (facts) => {
    const { received_at } = facts.envelope;
    const isIn = texts.some(
      ({ start_time, end_time }) =>
        (start_time === null || received_at >= start_time) && (end_time === null || received_at < end_time),
    );
    return isIn && matches(expression, facts);
  };
}

/** A range as fixed-width texts; null for an open end. */
export function rangeText({ start_time, end_time }: TimeRange): CompareReport['a']['ranges'][number] {
  const bound = (ms: number) => (Number.isFinite(ms) ? formatEpochMs(ms) : null);
  return { start_time: bound(start_time), end_time: bound(end_time) };
}
