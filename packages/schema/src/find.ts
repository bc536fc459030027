import * as z from 'zod/mini';

import { LIMITS } from './limits.ts';
import { OUTCOMES } from './outcome.ts';
import { payloadValue } from './payload-value.ts';
import { as_of, choice, page, range, text, time_zone } from './query-fields.ts';
import { type AnswerOf, type AskedOf, defineQuestion } from './question.ts';
import { coveredSchema, nextCursorSchema } from './report-range.ts';

/** Fields of a receipt that an expression may name; `payload` takes a path. */
export const SEARCH_FIELDS = [
  'source',
  'event_type',
  'entity_id',
  'event_id',
  'event_time',
  'received_at',
  'outcome',
  'reject_code',
  'request_id',
  'trace_id',
  'principal',
  'producer',
  'key',
  'imported',
  'body',
  'payload',
] as const;

/** A receipt that matches a search. Fields that the record does not have are null. */
export const matchSchema = z.object({
  /** The outcome that was answered; null if the receipt was not admitted yet, or if its row has expired. */
  outcome: z.nullable(z.enum(OUTCOMES)),
  reject_code: z.nullable(z.string()),
  /** Null for a rejected receipt. */
  event_id: z.nullable(z.string()),
  source: z.nullable(z.string()),
  event_type: z.nullable(z.string()),
  entity_id: z.nullable(z.string()),
  event_time: z.nullable(z.string()),
  received_at: z.string(),
  request_id: z.string(),
  principal: z.nullable(z.string()),
  imported: z.boolean(),
  pack_id: z.string(),
  line: z.int(),
  raw_key: z.string(),
  /** The received text, if it was asked for and is UTF-8. */
  body: z.optional(payloadValue(z.string(), 'record')),
  /** The received bytes, if they were asked for and are not UTF-8. */
  body_base64: z.optional(payloadValue(z.string())),
});

/** A receipt that matches a search. */
export type Match = z.infer<typeof matchSchema>;

/** How far a search has come, over all pages. */
export const scannedSchema = z.object({
  /** Packs whose receipts were searched. */
  packs: z.int(),
  /** Receipts in these packs. */
  receipts: z.int(),
  matched: z.int(),
});

/** How far a search has come, over all pages. */
export type Scanned = z.infer<typeof scannedSchema>;

const findAnswer = z.object({
  /** The last stored first. */
  matches: z.array(matchSchema),
  as_of: z.string(),
  scanned: scannedSchema,
  /** Null once the whole range is searched. Times are those at which packs were stored. */
  covered: coveredSchema,
  /** Packs that could not be read and so were not searched; at most 20 of them. */
  unreadable: z.array(z.object({ pack_id: z.string(), code: z.string() })),
  next_cursor: nextCursorSchema,
  /** True if the budget ended the page before it was full, or if packs could not be read; `notes` says which. */
  partial: z.boolean(),
  notes: z.array(z.string()),
});

/** Which receipts match an expression? */
export const findQuestion = defineQuestion({
  name: 'find',
  path: '/search',
  scope: 'investigate',
  audit: 'sensitive',
  exposes: 'payload',
  form: 'stream',
  lines: 'accepted',
  summary: 'Find the receipts that match an expression, rejected ones too, the last stored first.',
  query: {
    where: text(LIMITS.search_expression_chars_max, 'expression that a receipt matches; default: every receipt', {
      placeholder: 'expression',
      isExpression: true,
      example: 'source = x',
    }),
    ...range,
    as_of,
    time_zone,
    include: choice(['body'], 'add the received text of each match', { placeholder: 'part' }),
    ...page,
  },
  answer: findAnswer,
  pages: ['matches'],
});

/** Query of a search. */
export type FindQuery = AskedOf<typeof findQuestion>;

/** One page of a search. */
export type FindPage = AnswerOf<typeof findQuestion>;
