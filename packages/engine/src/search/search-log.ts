import { type Envelope, type ErrorCode, formatEpochMs, OUTCOME_LETTERS, type Outcome } from '@pik/schema';

import type { PackRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { decodeLine } from '../storage/rules/pack-codec.ts';
import { type PackRead, readNewest } from './read-packs.ts';
import { type Anchor, anchorOf, outcomesOf } from './rules/anchors.ts';
import { candidateLines, lineStart } from './rules/candidate-lines.ts';
import { matches } from './rules/evaluate.ts';
import { type Expression, needsDigits } from './rules/expression.ts';
import { factsOf, type ReceiptFacts } from './rules/receipt-facts.ts';
import { createPackCheck } from './skipped-packs.ts';

/** A search: the receipts of a range that match an expression, as known at a time. */
export interface SearchQuery {
  readonly expression: Expression;
  /** Receive times in milliseconds; open ends are infinite. */
  readonly start_time: number;
  readonly end_time: number;
  readonly asOfMs: number;
}

/** The receipt before which a search continues: lines of the pack from `beforeLine` on were searched, or all of it. */
export interface SearchPlace {
  readonly pack_id: string;
  readonly beforeLine: number;
}

/** In place of a line: the pack was searched to its end, and counted. */
export const PACK_DONE = -1;

/** A step of a search: a match, or the end of a pack. */
export type SearchStep =
  | { readonly kind: 'match'; readonly pack_id: string; readonly facts: ReceiptFacts }
  | { readonly kind: 'pack'; readonly pack_id: string; readonly receipts: number; readonly fault: ErrorCode | null };

interface Prepared extends SearchQuery {
  readonly anchor: Anchor | null;
  readonly outcomes: ReadonlySet<Outcome> | null;
  readonly withDigits: boolean;
  /** Fixed-width texts, as in envelopes; null for an open end. */
  readonly from: string | null;
  readonly to: string | null;
  readonly asOf: string;
}

/** Searches the log, the last stored receipt first. Each receipt is searched once, however the search is divided by places. */
export async function* searchLog(
  context: Context,
  query: SearchQuery,
  { place, fromMs }: { place: SearchPlace | null; fromMs: number },
): AsyncGenerator<SearchStep> {
  const search = prepared(query);
  const isDone = (packId: string) => place?.beforeLine === PACK_DONE && packId === place.pack_id;
  const mayHaveWords = createPackCheck(context, query.expression);
  // A pack without a row is read, so that its lines are counted.
  const isWanted = ({ pack_id, row }: { pack_id: string; row: PackRow | null }) =>
    !isDone(pack_id) && (row === null || (mayHaveMatches(search, row) && mayHaveWords(pack_id)));
  for await (const pack of readNewest(context, { upTo: place?.pack_id ?? null, fromMs, isWanted })) {
    const { pack_id, row, bytes, fault } = pack;
    if (isDone(pack_id)) continue;
    const text = bytes === null ? null : bytes.toString('latin1');
    if (bytes !== null && text !== null) {
      const beforeLine = pack_id === place?.pack_id ? place.beforeLine : null;
      for await (const facts of searchPack(context, search, { ...pack, bytes, text, beforeLine }))
        yield { kind: 'match', pack_id, facts };
    }
    yield { kind: 'pack', pack_id, receipts: row?.outcomes.length ?? linesOf(text ?? ''), fault };
  }
}

function prepared(query: SearchQuery): Prepared {
  const { expression, start_time, end_time, asOfMs } = query;
  const bound = (ms: number) => (Number.isFinite(ms) ? formatEpochMs(ms) : null);
  return {
    ...query,
    anchor: anchorOf(expression),
    outcomes: outcomesOf(expression),
    withDigits: needsDigits(expression),
    from: bound(start_time),
    to: bound(end_time),
    asOf: formatEpochMs(asOfMs),
  };
}

/** False if the row of a pack shows that none of its receipts can match. */
function mayHaveMatches({ start_time, end_time, asOfMs, outcomes }: Prepared, row: PackRow): boolean {
  if (row.received_max_ms < start_time || row.received_min_ms >= end_time || row.received_min_ms > asOfMs) return false;
  return outcomes === null || [...outcomes].some((outcome) => row.outcomes.includes(OUTCOME_LETTERS[outcome]));
}

interface PackText extends PackRead {
  readonly bytes: Buffer;
  /** The same with one character per byte. */
  readonly text: string;
  readonly beforeLine: number | null;
}

/** The matches in a pack, its last line first. */
async function* searchPack(
  { budget }: Context,
  search: Prepared,
  { bytes, text, beforeLine, row }: PackText,
): AsyncGenerator<ReceiptFacts> {
  const end = beforeLine === null ? text.length : lineStart(text, beforeLine);
  const spans = candidateLines(text, search.anchor);
  budget.read(spans.length);
  for (const [from, to] of spans.reverse()) {
    if (from >= end) continue;
    if (budget.isDue()) await budget.turn();
    const envelope = decodeLine(bytes.toString('utf8', from, to));
    if (envelope.erased !== undefined || !isInRange(envelope, search)) continue;
    const facts = factsOf(envelope, { outcomes: row?.outcomes ?? null, withDigits: search.withDigits });
    if (matches(search.expression, facts)) yield facts;
  }
}

function isInRange({ received_at }: Envelope, { from, to, asOf }: Prepared): boolean {
  return received_at <= asOf && (from === null || received_at >= from) && (to === null || received_at < to);
}

function linesOf(text: string): number {
  let lines = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) lines += 1;
  return lines;
}
