import * as z from 'zod/mini';

import { matchSchema } from './find.ts';
import { LIMITS } from './limits.ts';
import { choice, count, cursor, text, time_zone, timeField, withDefault } from './query-fields.ts';
import { type AnswerOf, type AskedOf, defineQuestion } from './question.ts';
import { nextCursorSchema } from './report-range.ts';

const tailAnswer = z.object({
  /** The first stored first. */
  matches: z.array(matchSchema),
  /** Continues after this page; never null, since more may arrive. */
  next_cursor: nextCursorSchema,
  /** True if nothing more was there to read: the next page has what arrives from now on. */
  is_current: z.boolean(),
  /** Packs that could not be read and so were not searched. */
  unreadable: z.array(z.object({ pack_id: z.string(), code: z.string() })),
});

/** Which receipts arrive? */
export const tailQuestion = defineQuestion({
  name: 'tail',
  path: '/events/stream',
  scope: 'investigate',
  audit: 'sensitive',
  exposes: 'payload',
  form: 'listing',
  summary: 'Follow the receipts that match an expression as they arrive: server-sent events, or pages to poll.',
  query: {
    where: text(LIMITS.search_expression_chars_max, 'expression that a receipt matches; default: every receipt', {
      placeholder: 'expression',
      isExpression: true,
      example: 'source = x',
    }),
    start_time: timeField<number | undefined>('begin with what was stored at this time; default: now', 'ms-up'),
    time_zone,
    include: choice(['body'], 'add the received text of each match', { placeholder: 'part' }),
    limit: withDefault(count(LIMITS.page_items_max, 'matches of one page'), LIMITS.page_items_default),
    cursor,
    until: text(2048, 'cursor at which to stop, such as the end of a skipped part', { placeholder: 'cursor' }),
  },
  answer: tailAnswer,
  pages: ['matches'],
});

/** Query of a tail. */
export type TailQuery = AskedOf<typeof tailQuestion>;

/** One page of a tail. */
export type TailPage = AnswerOf<typeof tailQuestion>;

/** A part of a stream that was left out because its listener reads too slowly; pages from `from` until `to` have it. */
export interface Skipped {
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/** An item of a stream. `cursor` continues after it. */
export type TailItem =
  /** `json` is the match as JSON. */
  | { readonly kind: 'match'; readonly json: string; readonly cursor: string }
  /** A part that the bounds of the listener left out; it can be paged. */
  | { readonly kind: 'skipped'; readonly skipped: Skipped; readonly cursor: string }
  /** Nothing new: the place that the stream has reached. */
  | { readonly kind: 'at'; readonly cursor: string }
  /** The last item: the listener fell too far behind. */
  | { readonly kind: 'cut'; readonly skipped: Skipped; readonly cursor: string };
