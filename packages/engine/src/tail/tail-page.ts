import type { SelectionOf } from '@pik/schema';
import { KitError, packStoredMs, type TailPage, type TailQuery, tailQuestion } from '@pik/schema';
import type { QuestionOptions } from '../api/pipeline.ts';
import type { Page } from '../ports/queries.ts';
import { readAsked } from '../runtime/answer-question.ts';
import { isOfQuestion } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import { askedContext } from '../runtime/question.ts';
import { expressionOf, matchView } from '../search/find.ts';
import { anchorOf } from '../search/rules/anchors.ts';
import { matches } from '../search/rules/evaluate.ts';
import { EVERY_RECEIPT, type Expression, needsDigits } from '../search/rules/expression.ts';
import { namedValueOf } from '../search/rules/named-value.ts';
import type { ReceiptFacts } from '../search/rules/receipt-facts.ts';
import { readBytes, unpacked } from '../storage/pack-store.ts';
import { createPackLines, type LineFilter, type PackLines } from './pack-lines.ts';
import { AFTER_ALL_LINES, comparePlaces, idFloor, type TailPlace, tailCursor, tailPlace } from './tail-cursor.ts';

/** Other processes may name a pack by a clock that differs, and store it some time later. */
const SETTLE_MS_MIN = 1_000;

/** The next page of a tail: what arrived since its cursor, the first stored first. */
export async function readTailPage(
  context: Context,
  given: SelectionOf<'tail'>,
  options?: QuestionOptions,
): Promise<TailPage> {
  const query = readAsked(context, tailQuestion, given);
  const asked = askedContext(context, options);
  const until = tailPlace(query.until);
  const settled = settledPlace(context);
  const bound = until !== null && comparePlaces(until, settled) < 0 ? until : settled;
  const start = startOf(query, settled);
  const { found, next, unreadable } = await readTail(asked, { ...tailOf(query), start, bound, limit: query.limit });
  return {
    matches: found.map(({ facts, pack_id }) => matchView(facts, { pack_id, include: query.include })),
    next_cursor: tailCursor(next),
    is_current: comparePlaces(next, bound) >= 0,
    unreadable,
  };
}

/** The conditions of a tail. */
export interface Tail extends LineFilter {
  readonly expression: Expression;
  /** Equal for equal expressions. */
  readonly key: string;
  readonly withDigits: boolean;
}

/** Parses the conditions of a tail. Throws `REQUEST_INVALID`. */
export function tailOf({ where, now, time_zone }: Pick<TailQuery, 'where' | 'now' | 'time_zone'>): Tail {
  const base = { nowMs: now, timeZone: time_zone };
  const expression = where === undefined ? EVERY_RECEIPT : expressionOf(where, base);
  return {
    expression,
    key: JSON.stringify(expression),
    anchor: anchorOf(expression),
    named: namedValueOf(expression),
    withDigits: needsDigits(expression),
  };
}

/** Where a tail begins: at its cursor, at a time, or now. Throws `CURSOR_INVALID`. */
export function startOf({ cursor, start_time }: TailQuery, now: TailPlace): TailPlace {
  const place = tailPlace(cursor);
  if (place !== null) return place;
  return start_time === undefined ? now : { pack_id: idFloor(start_time), line: 0 };
}

/**
 * The place before which no pack can still arrive. One process knows its own packs in flight; the packs of others need time to
 * settle.
 */
export function settledPlace(context: Context): TailPlace {
  const { backend, settleMs } = context;
  if (backend.soleOwner === undefined)
    return { pack_id: idFloor(backend.clock.now() - Math.max(settleMs, SETTLE_MS_MIN)), line: 0 };
  const next = context.newId();
  const oldest = oldestInFlight(context);
  return { pack_id: oldest !== null && oldest < next ? oldest : next, line: 0 };
}

/** The least id of a pack of this process that may still arrive, or that waits for the sweeper; null if there is none. */
export function oldestInFlight({ inFlight, announcements }: Context): string | null {
  const [held, named] = [inFlight.oldestPackId(), announcements.oldestId()];
  if (held === null || named === null) return held ?? named;
  return held < named ? held : named;
}

/** A match with the place behind it. */
export interface TailMatch {
  readonly pack_id: string;
  readonly facts: ReceiptFacts;
}

interface TailRead {
  readonly found: readonly TailMatch[];
  readonly next: TailPlace;
  readonly unreadable: TailPage['unreadable'];
}

/** Reads the matches from a place to a bound, up to a number of them or until the budget ends. */
export async function readTail(
  context: Context,
  { start, bound, limit, ...tail }: Tail & { start: TailPlace; bound: TailPlace; limit: number },
): Promise<TailRead> {
  const found: TailMatch[] = [];
  const unreadable: TailPage['unreadable'] = [];
  for await (const pack_id of packsFrom(context, start, bound)) {
    const from = pack_id === start.pack_id ? start.line : 0;
    const to = pack_id === bound.pack_id ? bound.line : AFTER_ALL_LINES;
    const text = await packLines(context, pack_id);
    if ('code' in text) unreadable.push({ pack_id, code: text.code });
    else
      for (const facts of matchesIn(text, tail)) {
        const { line } = facts.envelope;
        if (line < from || line >= to) continue;
        found.push({ pack_id, facts });
        if (found.length === limit) return { found, unreadable, next: { pack_id, line: line + 1 } };
      }
    if (context.budget.spent() !== null) return { found, unreadable, next: { pack_id, line: to } };
  }
  // Everything up to the bound was read; a start behind it stays where it is.
  return { found, unreadable, next: comparePlaces(start, bound) > 0 ? start : bound };
}

/** The ids of the packs from one place to another, ascending. */
async function* packsFrom({ backend }: Context, start: TailPlace, bound: TailPlace): AsyncGenerator<string> {
  const range = { fromMs: packStoredMs(start.pack_id), toMs: packStoredMs(bound.pack_id) + 1 };
  let cursor: string | null = null;
  do {
    const page: Page<string> = await backend.rawLog.list({ ...range, cursor });
    for (const id of page.items) {
      const isBehind = id > bound.pack_id || (id === bound.pack_id && bound.line === 0);
      if (id >= start.pack_id && !isBehind) yield id;
    }
    cursor = page.next;
  } while (cursor !== null);
}

/** Reads a pack; a damaged or missing one gives its error code. */
export async function packLines(context: Context, packId: string): Promise<PackLines | { readonly code: string }> {
  try {
    const kept = context.announcements.take(packId);
    const pack = kept ?? { text: await unpacked(packId, await readBytes(context, packId)), names: null };
    const row = await context.backend.index.getPack(packId);
    return createPackLines(pack, row?.outcomes ?? null);
  } catch (error) {
    const isDamage = KitError.is(error) && (error.code === 'RAW_MISSING' || error.code === 'RAW_CORRUPT');
    if (!isDamage || isOfQuestion(error)) throw error;
    return { code: error.code };
  }
}

/** The matches in a pack in order of their lines. */
export function* matchesIn(
  lines: PackLines,
  { expression, withDigits, ...filter }: Omit<Tail, 'key'>,
): Generator<ReceiptFacts> {
  for (const line of lines.candidates(filter)) {
    const facts = lines.facts(line, withDigits);
    if (facts !== null && matches(expression, facts)) yield facts;
  }
}
