import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { payloadValue } from './payload-value.ts';
import { as_of, choice, count, cursor, moment, range, text, time_zone, withDefault } from './query-fields.ts';
import { type AnswerOf, type AskedOf, defineQuestion, type QueryFault } from './question.ts';
import { nextCursorSchema } from './report-range.ts';

/** A receipt to look at. */
const compareExampleSchema = z.object({
  pack_id: z.string(),
  line: z.int(),
  /** Null for a rejected receipt, and if its pack cannot be read any more. */
  event_id: z.nullable(z.string()),
});

/** One condition of a finding. */
export const compareConditionSchema = z.object({
  /** As in a search expression: `source`, or `payload.release`. */
  path: z.string(),
  /** `VALUE`: equals `value`; `RANGE`: a number from `from` to below `to`; `MISSING`: the receipt has nothing there. */
  is: z.enum(['VALUE', 'RANGE', 'MISSING']),
  /** Null for the value null, and for the other kinds. */
  value: payloadValue(z.nullable(z.union([z.string(), z.number(), z.boolean()])), 'checked'),
  /** Null for an open end. */
  from: payloadValue(z.nullable(z.number()), 'checked'),
  to: payloadValue(z.nullable(z.number()), 'checked'),
});

/** One condition of a finding. */
export type CompareCondition = z.infer<typeof compareConditionSchema>;

/** A condition that a finding implies: it says nothing beyond it. */
const impliedSchema = z.object({
  /** The conditions as a search expression. */
  where: payloadValue(z.string(), 'checked'),
  a_count: z.int(),
  b_count: z.int(),
});

/** Conditions that receipts of one group meet more often than those of the other. */
export const compareFindingSchema = z.object({
  conditions: z.array(compareConditionSchema),
  /** The same as an expression for `find`. */
  where: payloadValue(z.string(), 'checked'),
  /** Whether group A has more or fewer of them. */
  direction: z.enum(['MORE', 'LESS']),
  a_count: z.int(),
  b_count: z.int(),
  /** Shares of the groups, 0 to 1. */
  a_share: z.number(),
  b_share: z.number(),
  /** The share in A divided by that in B; null if B has none. */
  lift: z.nullable(z.number()),
  /** Corrected for everything that was tried: the probability of such a difference anywhere if the groups were alike. */
  p: z.number(),
  /** Its decimal logarithm, which does not underflow. */
  p_log10: z.number(),
  /** Receipts of each group that meet the conditions, the last stored first. */
  a_examples: z.array(compareExampleSchema),
  b_examples: z.array(compareExampleSchema),
  /** Weaker findings that this one explains, the strongest first. */
  implied: z.array(impliedSchema),
  implied_total: z.int(),
});

/** A difference of the two groups. */
export type CompareFinding = z.infer<typeof compareFindingSchema>;

/** A group of receipts. */
const compareGroupSchema = z.object({
  /** The expression of its receipts. */
  where: z.string(),
  /** Ranges of receive times; null is unbounded. */
  ranges: z.array(z.object({ start_time: z.nullable(z.string()), end_time: z.nullable(z.string()) })),
  receipts: z.int(),
  /** If the budget ended before the range, only receipts stored since then were compared; otherwise null. */
  covered_from: z.nullable(z.string()),
});

/** A value of a dimension with its part of the difference. */
const differencePartSchema = z.object({
  /** The condition as an expression for `find`; null for all other receipts. */
  where: payloadValue(z.nullable(z.string()), 'checked'),
  a: z.number(),
  b: z.number(),
  /** Receipts of each group. */
  a_count: z.int(),
  b_count: z.int(),
  /** Its part of the difference; the parts of a dimension sum to it. */
  part: z.number(),
  /** For a mean or a share: the part from its own value, and the part from its share of the receipts. */
  from_value: z.nullable(z.number()),
  from_mix: z.nullable(z.number()),
});

/** The difference of a figure of the two groups, divided dimension by dimension. */
export const differenceSchema = z.object({
  measure: z.enum(['count', 'sum', 'mean', 'share']),
  /** Figures of the groups. With `weeks`, counts and sums of B are per week. Null for a mean of nothing. */
  a: z.nullable(z.number()),
  b: z.nullable(z.number()),
  delta: z.nullable(z.number()),
  /** The most surprising dimension first. */
  dimensions: z.array(
    z.object({
      path: z.string(),
      /** How much its composition differs between the groups, 0 to 1 (Jensen–Shannon divergence). */
      surprise: z.number(),
      /** The largest parts first. */
      parts: z.array(differencePartSchema),
    }),
  ),
});

/** The difference of a figure of the two groups. */
export type CompareDifference = z.infer<typeof differenceSchema>;

const compareAnswer = z.object({
  a: compareGroupSchema,
  b: compareGroupSchema,
  as_of: z.string(),
  /** Number of conditions that count as tried, which `p` is corrected for. */
  tried: z.int(),
  /** The share that a condition needs in a group to be tried. */
  support: z.number(),
  /** One page of the findings, the strongest first. */
  findings: z.array(compareFindingSchema),
  findings_total: z.int(),
  difference: differenceSchema,
  /**
   * Paths that were not compared, or not in full. `ASKED`: an expression of the groups names it; `MANY_VALUES`: only the first values
   * that were read; `LONG_TEXT`: texts too long to compare; `MANY_PATHS`: more paths than one answer compares;
   * `MASKED`: the caller may not see their values.
   */
  left_out: z.array(
    z.object({ path: z.string(), why: z.enum(['ASKED', 'MANY_VALUES', 'LONG_TEXT', 'MANY_PATHS', 'MASKED']) }),
  ),
  unreadable: z.array(z.object({ pack_id: z.string(), code: z.string() })),
  next_cursor: nextCursorSchema,
  partial: z.boolean(),
  notes: z.array(z.string()),
});

const expression = (doc: string) =>
  text(LIMITS.search_expression_chars_max, doc, {
    placeholder: 'expression',
    example: 'source = x',
    isExpression: true,
  });

/** What is different about these receipts? */
export const compareQuestion = defineQuestion({
  name: 'compare',
  path: '/compare',
  scope: 'investigate',
  audit: 'sensitive',
  exposes: 'payload',
  form: 'page',
  summary: 'How do these receipts differ from those?',
  query: {
    a: expression('expression of group A; default: every receipt of the range'),
    b: expression('expression of group B; default: the rest of the range or, with another range, the expression of A'),
    where: expression('expression that the receipts of both groups match'),
    ...range,
    b_from: moment('start of the range of group B; default: the range of A'),
    b_to: moment('end of the range of group B (exclusive)'),
    weeks: count(52, 'compare with the same hours of this many weeks before'),
    as_of,
    time_zone,
    depth: withDefault(count(3, 'conditions of a finding: 1, 2 for pairs, 3 for triples'), 2),
    per_mille: withDefault(
      count(500, 'support: the share of a group that a finding must concern, in thousandths; default 10'),
      10,
    ),
    measure: withDefault(
      choice(['count', 'sum', 'mean', 'share'], 'figure whose difference is divided: count, sum, mean or share', {
        placeholder: 'figure',
      }),
      'count',
    ),
    of: text(LIMITS.search_expression_chars_max, 'path of a sum or mean, or expression of a share', {
      placeholder: 'path',
      isExpression: true,
      example: 'payload.x',
    }),
    limit: withDefault(count(LIMITS.compare_findings_max, 'findings of one page'), 20),
    cursor,
  },
  answer: compareAnswer,
  pages: ['findings'],
  check: checkCompare,
});

interface Checked {
  readonly a?: string | undefined;
  readonly b?: string | undefined;
  readonly start_time: number;
  readonly end_time: number;
  readonly b_from?: number | undefined;
  readonly b_to?: number | undefined;
  readonly weeks?: number | undefined;
  readonly measure: string;
  readonly of?: string | undefined;
}

function checkCompare({ a, b, start_time, b_from, b_to, weeks, measure, of }: Checked): QueryFault | null {
  const hasRange = b_from !== undefined || b_to !== undefined;
  if (b_from !== undefined && b_to !== undefined && b_from >= b_to)
    return { field: 'b_from', rule: 'must lie before b_to' };
  if (weeks !== undefined && hasRange)
    return { field: 'weeks', rule: 'is a range of its own: leave out b_from and b_to' };
  if (weeks !== undefined && !Number.isFinite(start_time))
    return { field: 'weeks', rule: 'needs the start of the range' };
  if (a === undefined && b === undefined && !hasRange && weeks === undefined)
    return { field: 'a', rule: 'is required unless b, b_from, b_to or weeks says what to compare with' };
  if ((measure === 'count') !== (of === undefined))
    return { field: 'of', rule: measure === 'count' ? 'needs a measure' : `is required with a ${measure}` };
  return null;
}

/** Query of a comparison. */
export type CompareQuery = AskedOf<typeof compareQuestion>;

/** What is different about these receipts? */
export type CompareReport = AnswerOf<typeof compareQuestion>;
