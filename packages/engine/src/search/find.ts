import { createHash } from 'node:crypto';
import {
  type FindPage,
  type FindQuery,
  fieldFault,
  findQuestion,
  formatEpochMs,
  isPackId,
  KitError,
  LIMITS,
  type Match,
  packKey,
  packStoredMs,
  type Scanned,
  type SelectionOf,
} from '@pik/schema';
import type { QuestionOptions } from '../api/pipeline.ts';
import { encodeCursor } from '../ports/cursor.ts';
import { answerQuestion, readAsked } from '../runtime/answer-question.ts';
import { spentText } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { askedContext } from '../runtime/question.ts';
import { type CursorParts, readReportCursor } from '../runtime/report-cursor.ts';
import { countPacks } from './newest-packs.ts';
import { parseExpression } from './rules/parse-expression.ts';
import type { ReceiptFacts } from './rules/receipt-facts.ts';
import { ExpressionFault } from './rules/tokens.ts';
import { PACK_DONE, type SearchPlace, type SearchQuery, type SearchStep, searchLog } from './search-log.ts';

/** Which receipts match an expression? Throws `CURSOR_INVALID`, and `REQUEST_INVALID` with the place of a fault in it. */
export const find = answerQuestion(findQuestion, async (context, query) => {
  const page = openPage(query);
  const found: Match[] = [];
  for await (const step of page.steps(context)) {
    if (step.kind === 'match') found.push(matchView(step.facts, { pack_id: step.pack_id, include: query.include }));
    if (page.isOver(context, step)) break;
  }
  const { as_of, ...rest } = page.end();
  return { matches: found, as_of, ...rest };
});

/** Characters after which matches are passed on. */
const CHUNK_CHARS = 64 * 1024;
/** Milliseconds between two lines about the progress. */
const PROGRESS_MS = 500;
/** Listings that count the packs of a search: some 100,000 packs. */
const COUNT_LISTINGS_MAX = 100;

/**
 * The same page as a stream of NDJSON: first and now and then a line `{"scanned":…,"packs_total":…}`, the matches as they are
 * found, and last `{"end":true,…}` with everything else. Each chunk is one or several lines.
 */
export async function* findLines(
  context: Context,
  given: SelectionOf<'find'>,
  options?: QuestionOptions,
): AsyncGenerator<string> {
  const query = readAsked(context, findQuestion, given);
  const asked = askedContext(context, options);
  const page = openPage(query);
  let isDone = false;
  let packs_total: number | null = null;
  const counting = page
    .count(asked, () => isDone)
    .then((count) => {
      packs_total = count;
    })
    // The search itself reports what went wrong.
    .catch(() => {});
  const progress = () => `${JSON.stringify({ scanned: page.scanned(), packs_total })}\n`;
  let text = progress();
  let count = 0;
  let shownMs = performance.now();
  try {
    yield text;
    text = '';
    for await (const step of page.steps(asked)) {
      if (step.kind === 'match') {
        text += `${JSON.stringify(matchView(step.facts, { pack_id: step.pack_id, include: query.include }))}\n`;
        count += 1;
      }
      const isOver = page.isOver(asked, step);
      if (performance.now() - shownMs >= PROGRESS_MS) {
        text += progress();
        shownMs = performance.now();
      }
      if (text !== '' && (step.kind === 'pack' || isOver || text.length >= CHUNK_CHARS)) {
        yield text;
        text = '';
      }
      if (isOver) break;
    }
    yield `${JSON.stringify({ end: true, count, packs_total, ...page.end() })}\n`;
  } finally {
    isDone = true;
    await counting;
  }
}

type PageEnd = Omit<FindPage, 'matches'>;

interface OpenPage {
  steps(context: Context): AsyncGenerator<SearchStep>;
  count(context: Context, isOver: () => boolean): Promise<number | null>;
  /** Adds a step; true if it is the last one of this page. */
  isOver(context: Context, step: SearchStep): boolean;
  scanned(): Scanned;
  end(): PageEnd;
}

/** A page of a search, which starts at its cursor and knows how far it has come. */
function openPage(query: FindQuery): OpenPage {
  const search = searchOf(query);
  const asked = digestOf(query);
  const start = startOf(query.cursor, asked);
  const scanned = { ...start.scanned };
  const unreadable: PageEnd['unreadable'] = [];
  const notes: string[] = [];
  let faults = 0;
  let found = 0;
  let place: SearchPlace | null = start.place;
  let isComplete = true;
  const fromMs = query.start_time - LIMITS.search_before_range_ms;
  const isOver = (context: Context, step: SearchStep): boolean => {
    if (step.kind === 'match') {
      found += 1;
      scanned.matched += 1;
      place = { pack_id: step.pack_id, beforeLine: step.facts.envelope.line };
      isComplete = found < query.limit;
      return !isComplete;
    }
    scanned.packs += 1;
    scanned.receipts += step.receipts;
    place = { pack_id: step.pack_id, beforeLine: PACK_DONE };
    if (step.fault !== null) {
      faults += 1;
      const { pack_id, fault: code } = step;
      if (unreadable.length < LIMITS.search_unreadable_listed_max) unreadable.push({ pack_id, code });
    }
    const why = context.budget.spent();
    if (why === null) return false;
    isComplete = false;
    notes.push(`${spentText(why)}: this page ends early, and the next page continues`);
    return true;
  };
  return {
    steps: (context) => searchLog(context, search, { place: start.place, fromMs }),
    count: async (context, isEnough) => {
      const upTo = start.place?.pack_id ?? null;
      const more = await countPacks(context, { upTo, fromMs }, { listingsMax: COUNT_LISTINGS_MAX, isOver: isEnough });
      return more === null ? null : start.scanned.packs + more - (start.place?.beforeLine === PACK_DONE ? 1 : 0);
    },
    isOver,
    scanned: () => ({ ...scanned }),
    end() {
      if (faults > 0) notes.push(`${faults} of the packs could not be read, so their receipts were not searched`);
      const next = isComplete ? null : place;
      return {
        as_of: formatEpochMs(search.asOfMs),
        scanned: { ...scanned },
        covered: next === null ? null : coveredFrom(next, query),
        unreadable,
        next_cursor: next === null ? null : cursorAt(next, { asked, nowMs: query.now, scanned }),
        partial: notes.length > 0,
        notes,
      };
    },
  };
}

/** The search of a query, with the place of a fault in its expression. */
function searchOf({ where = '', now, time_zone, start_time, end_time, as_of }: FindQuery): SearchQuery {
  return {
    expression: expressionOf(where, { nowMs: now, timeZone: time_zone }),
    start_time,
    end_time,
    asOfMs: as_of ?? now,
  };
}

/** Characters of an expression that an error quotes. */
const QUOTED_CHARS = 24;

/** Parses the expression of a field. Throws `REQUEST_INVALID` with the place of the fault. */
export function expressionOf(
  where: string,
  base: Parameters<typeof parseExpression>[1],
  field = 'where',
): SearchQuery['expression'] {
  try {
    return parseExpression(where, base);
  } catch (error) {
    if (!(error instanceof ExpressionFault)) throw error;
    const rest = where.slice(error.at, error.at + QUOTED_CHARS).toWellFormed();
    const near = rest === '' ? 'at its end' : `at character ${error.at + 1}, near ${JSON.stringify(rest)}`;
    throw fieldFault(field, `cannot be read ${near}: ${error.message}`);
  }
}

function coveredFrom({ pack_id }: SearchPlace, { end_time }: FindQuery): FindPage['covered'] {
  return {
    basis: 'received',
    start_time: formatEpochMs(packStoredMs(pack_id)),
    end_time: Number.isFinite(end_time) ? formatEpochMs(end_time) : null,
    divided_days: [],
  };
}

/** A receipt as investigators see it. */
export function matchView(
  { envelope, outcome }: ReceiptFacts,
  { pack_id, include }: { pack_id: string; include: FindQuery['include'] },
): Match {
  const { body, body_base64 } = envelope;
  return {
    outcome,
    reject_code: envelope.reject_code,
    event_id: envelope.event_id,
    source: envelope.source,
    event_type: envelope.event_type,
    entity_id: envelope.entity_id,
    event_time: envelope.event_time,
    received_at: envelope.received_at,
    request_id: envelope.request_id,
    principal: envelope.principal,
    imported: envelope.imported,
    pack_id,
    line: envelope.line,
    raw_key: packKey(pack_id),
    ...(include === undefined ? {} : body === undefined ? { body_base64: body_base64 ?? '' } : { body }),
  };
}

interface Start {
  readonly place: SearchPlace | null;
  readonly scanned: Scanned;
}

/** The cursor has the form of those of reports, so that its time is the one of the first page. */
function cursorAt(
  { pack_id, beforeLine }: SearchPlace,
  { asked, nowMs, scanned }: { asked: string; nowMs: number; scanned: Scanned },
): string {
  const { packs, receipts, matched } = scanned;
  const parts: CursorParts = [asked, '', nowMs, beforeLine, 0, pack_id, '', JSON.stringify([packs, receipts, matched])];
  return encodeCursor(parts);
}

function startOf(cursor: string | null | undefined, asked: string): Start {
  const parts = readReportCursor(cursor);
  if (parts === null) return { place: null, scanned: { packs: 0, receipts: 0, matched: 0 } };
  const [question, , , beforeLine, , pack_id, , counts] = parts;
  const [packs, receipts, matched] = countsOf(counts);
  const isPlace =
    isPackId(pack_id) && isCount(beforeLine - PACK_DONE) && isCount(packs) && isCount(receipts) && isCount(matched);
  if (question !== asked || !isPlace) throw new KitError('CURSOR_INVALID');
  return { place: { pack_id, beforeLine }, scanned: { packs, receipts, matched } };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function countsOf(text: string): unknown[] {
  try {
    const counts: unknown = JSON.parse(text);
    return Array.isArray(counts) ? counts : [];
  } catch {
    return [];
  }
}

/** 96 bits of the question without the size and form of a page: enough to refuse the cursor of another one. */
function digestOf({ where, start_time, end_time, as_of, time_zone }: FindQuery): string {
  const asked = JSON.stringify(['find', where, String(start_time), String(end_time), as_of, time_zone]);
  return createHash('sha256').update(asked).digest('base64url').slice(0, 16);
}
