import {
  counted,
  durationText,
  formatEpochMs,
  GAP_CAUSES,
  type Gap,
  type GapFinding,
  type GapsQuery,
  LIMITS,
} from '@pik/schema';
import type { EventRow, FailureRow } from '../../ports/rows.ts';
import type { Context } from '../../runtime/context.ts';
import { readPages } from '../../runtime/pages.ts';
import { plainTime } from '../../runtime/rules/plain-time.ts';
import { type ProducerLoss, producerLoss } from '../../storage/producer-numbers.ts';
import { lostBetween, rangesCount, rangesText } from '../../storage/rules/producer-loss.ts';
import { findNeighbours, type Neighbours } from './gap-neighbours.ts';
import { type AskOthers, askOthers } from './gap-silence.ts';
import { eventsBetween } from './rules/gap-cells.ts';
import type { GapInterval, GapQuestion, ModelledSeries } from './rules/gap-question.ts';

type Cause = NonNullable<Gap['cause']>;

/** A finding, and the number of missing events that it explains. */
interface FoundCause {
  readonly code: Cause;
  readonly text: string;
  readonly evidence?: GapFinding['evidence'];
  /** Null if it explains all remaining events, such as the silence of a whole source. */
  readonly explains: number | null;
}

/** The gaps and series in which to search for causes. */
export interface FoundGaps {
  readonly found: readonly GapInterval[];
  readonly series: readonly ModelledSeries[];
  readonly question: GapQuestion;
}

const EVIDENCE_MAX = 5;
/** Other sources must usually deliver this number of events in such a time; otherwise their silence proves nothing. */
const USUAL_MIN = 1;

/** Returns the gaps with the events next to them and their causes, searched along the chain from producer to index. */
export async function explainGaps(context: Context, query: GapsQuery, gaps: FoundGaps): Promise<Gap[]> {
  const looked = gaps.found.slice(0, LIMITS.report_gap_causes_max);
  const neighbours = await findNeighbours(context, query, { gaps: looked, asOfMs: gaps.question.asOfMs });
  const others = await askOthers(context, query, { ...gaps, gaps: looked });
  const losses = new Map<string, Promise<ProducerLoss | null>>();
  const lossOf = (producer: string) => {
    const known = losses.get(producer) ?? producerLoss(context, producer, gaps.question.asOfMs);
    losses.set(producer, known);
    return known;
  };
  const views: Gap[] = [];
  for (const [i, gap] of gaps.found.entries()) {
    const beside = neighbours[i] ?? null;
    const findings =
      i < looked.length && gap.state !== 'PENDING'
        ? await causesOf(context, gap, { query, gaps, beside, lossOf, others })
        : pendingFinding(gap);
    views.push(gapView(gap, beside, { findings, basis: query.basis }));
  }
  return views;
}

function gapView(
  gap: GapInterval,
  beside: Neighbours | null,
  { findings, basis }: { findings: readonly GapFinding[]; basis: GapsQuery['basis'] },
): Gap {
  const cause = gap.state === 'PENDING' ? null : ((findings[0]?.code as Cause | undefined) ?? null);
  const place = (row: EventRow | null | undefined, window: GapInterval['lastGood']) => {
    if (row != null) {
      const time = formatEpochMs(basis === 'event' ? row.event_ms : row.received_ms);
      return { event_id: row.event_id, time, pack_id: row.pack_id, line: row.line };
    }
    if (window === null) return null;
    return { event_id: null, time: formatEpochMs(window.start_ms), pack_id: null, line: null };
  };
  return {
    series: gap.series,
    state: gap.state,
    kind: gap.kind,
    text: gap.text,
    start_time: formatEpochMs(gap.start_ms),
    end_time: formatEpochMs(gap.end_ms),
    windows: gap.windows,
    count: gap.count,
    expected: gap.expected,
    cause,
    findings: [...findings],
    last_good: place(beside?.last, gap.lastGood),
    first_good: place(beside?.first, gap.firstGood),
  };
}

function pendingFinding({ state, usualLagMs }: GapInterval): GapFinding[] {
  if (state !== 'PENDING') return [];
  const text = `Too early to say: 99 % of the events of this series arrive within ${durationText(usualLagMs)}, and these windows are younger.`;
  return [{ code: 'PENDING', text }];
}

interface Looking {
  readonly query: GapsQuery;
  readonly gaps: FoundGaps;
  readonly beside: Neighbours | null;
  readonly lossOf: (producer: string) => Promise<ProducerLoss | null>;
  readonly others: AskOthers;
}

/**
 * Returns the causes, ordered by the share of the gap that each explains. Rejected, late and lost receipts are counted one
 * by one; the silence of everything or of the source, if any, explains the rest.
 */
async function causesOf(context: Context, gap: GapInterval, looking: Looking): Promise<GapFinding[]> {
  const missing = missingOf(gap, looking.gaps.series);
  const { cause: rejected, unread } = await rejectedCause(context, gap, looking);
  const sure = [rejected, lateCause(gap), ...(await lostCauses(gap, looking))].filter((cause) => cause !== null);
  const known = sure.reduce((sum, { explains }) => sum + (explains ?? 0), 0);
  const left = Math.max(0, missing - known);
  const silent = silentCause(gap, looking) ?? sourceCause(gap, looking.gaps.series);
  const rest = silent ?? (left > 0 || sure.length === 0 ? notReceived(gap, left) : null);
  const found = rest === null ? sure : [...sure, rest];
  const views = found.map((cause) => findingOf(cause, { missing, left }));
  const place = ({ code }: GapFinding) => GAP_CAUSES.indexOf(code as Cause);
  views.sort((a, b) => (b.explains?.share ?? 0) - (a.explains?.share ?? 0) || place(a) - place(b));
  return unread === null ? views : [...views, unread];
}

function findingOf(
  { code, text, evidence, explains }: FoundCause,
  { missing, left }: { missing: number; left: number },
): GapFinding {
  const by_this = Math.min(missing, explains ?? left);
  const share = missing === 0 ? 0 : by_this / missing;
  return { code, text, ...(evidence && { evidence }), explains: { missing, by_this, share } };
}

/** Number of events that a gap lacks; if the model does not count, the average of the series for such a time. */
function missingOf(gap: GapInterval, all: readonly ModelledSeries[]): number {
  if (gap.expected !== null) return Math.max(1, Math.round(gap.expected - gap.count));
  const own = JSON.stringify(gap.series);
  const cells = all.find((one) => JSON.stringify(one.cells.series) === own)?.cells;
  if (cells === undefined) return 1;
  const lengthMs = gap.end_ms - gap.start_ms;
  const events = eventsBetween(cells, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY) - gap.count;
  const usual = (events / Math.max(lengthMs, cells.lastMs - cells.firstMs - lengthMs)) * lengthMs;
  return Math.max(1, Math.round(usual - gap.count));
}

function notReceived(gap: GapInterval, left: number): FoundCause {
  const text = `No receipt of it came between ${plainTime(gap.start_ms)} and ${plainTime(gap.end_ms)}, and there is no sign that one was sent.`;
  const less = `Only ${gap.count} came instead of the usual ${Math.round(gap.expected ?? gap.count + left)}, and there is no sign that more were sent.`;
  return { code: 'NOT_RECEIVED', text: gap.state === 'PARTIAL' ? less : text, explains: null };
}

/** If no other source delivered anything either, the kit or the network is at fault, for every series. */
function silentCause(gap: GapInterval, { others }: Looking): FoundCause | null {
  const found = gap.state === 'MISSING' ? others(gap) : null;
  if (found === null || found.sources === 0 || found.came > 0 || found.usual < USUAL_MIN) return null;
  const series = counted(found.series, 'other series', 'other series');
  const text = `Everything was silent: the ${series} of ${counted(found.sources, 'other source')} delivered no events either, instead of the usual ${Math.round(found.usual)}. The cause is the kit, the network or a clock, not one source.`;
  return { code: 'ALL_SILENT', text, explains: null };
}

/** Rejected receipts only have a receive time, so the search covers the windows and the usual lag after them. */
async function rejectedCause(
  context: Context,
  gap: GapInterval,
  { query, gaps }: Looking,
): Promise<{ cause: FoundCause | null; unread: GapFinding | null }> {
  const { source = query.source, event_type = query.event_type } = gap.series;
  if (source === undefined && event_type === undefined) return { cause: null, unread: null };
  const toMs = Math.min(gap.end_ms + Math.ceil(gap.usualLagMs), gaps.question.asOfMs + 1);
  const range = { fromMs: gap.start_ms, toMs };
  const own = await countRejects(context, { ...range, source, event_type });
  const all = own.more ? own : await countRejects(context, range);
  const unread = all.rows.filter((row) => row.source === null || row.event_type === null);
  return { cause: rejected(own), unread: own.more ? null : unreadFinding(unread, all.more) };
}

interface Rejects {
  readonly rows: readonly FailureRow[];
  readonly more: boolean;
}

async function countRejects(
  context: Context,
  query: { fromMs: number; toMs: number; source?: string | undefined; event_type?: string | undefined },
): Promise<Rejects> {
  const rows: FailureRow[] = [];
  if (query.toMs <= query.fromMs) return { rows, more: false };
  const asked = { ...query, limit: LIMITS.page_items_max };
  let left: number = LIMITS.report_gap_rejects_max;
  for await (const row of readPages((cursor) => context.backend.index.listFailures({ ...asked, cursor }))) {
    if (left-- === 0) return { rows, more: true };
    if (row.kind === 'REJECT') rows.push(row);
  }
  return { rows, more: false };
}

function rejected({ rows, more }: Rejects): FoundCause | null {
  if (rows.length === 0) return null;
  const codes = codesOf(rows);
  const were = [
    `receipt of this series was refused (${codes})`,
    `receipts of this series were refused (${codes})`,
  ] as const;
  return {
    code: 'REJECTED',
    text: `${more ? 'at least ' : ''}${counted(rows.length, ...were)} when its events should have come.`,
    evidence: evidenceOf(rows),
    explains: rows.length,
  };
}

/** Unreadable receipts may be of any series: they do not prove a cause, nor rule out that events of this series came. */
function unreadFinding(rows: readonly FailureRow[], more: boolean): GapFinding | null {
  if (rows.length === 0) return null;
  const were = ['receipt whose series cannot be read was', 'receipts whose series cannot be read were'] as const;
  const text = `${more ? 'at least ' : ''}${counted(rows.length, ...were)} refused (${codesOf(rows)}) in that time; events of this series may be among them.`;
  return { code: 'REJECTED_UNREADABLE', text, evidence: evidenceOf(rows) };
}

const codesOf = (rows: readonly FailureRow[]) => [...new Set(rows.map(({ code }) => code))].join(', ');
const evidenceOf = (rows: readonly FailureRow[]) =>
  rows.slice(0, EVIDENCE_MAX).map(({ pack_id, line }) => ({ pack_id, line }));

function lateCause({ later }: GapInterval): FoundCause | null {
  if (later === 0) return null;
  return {
    code: 'LATE',
    text: `${counted(later, 'event')} of these windows came after the as-of time, or by a backfill.`,
    explains: later,
  };
}

/** Finds sequence numbers in the gap, of the producers of the events next to it, that were never received. */
async function lostCauses({ lastGood, firstGood }: GapInterval, { beside, lossOf }: Looking): Promise<FoundCause[]> {
  if (beside === null || lastGood === null || firstGood === null) return [];
  const { last, first } = beside;
  const producers = new Set([last?.producer_id, first?.producer_id].filter((id) => id != null));
  const causes: FoundCause[] = [];
  for (const producer of producers) {
    const loss = await lossOf(producer);
    if (loss === null) continue;
    const after = last?.producer_id === producer ? last.producer_seq : null;
    const before = first?.producer_id === producer ? first.producer_seq : null;
    const lost = lostBetween(loss.lost, after, before);
    if (lost.length === 0) continue;
    const evidence = [last, first]
      .filter((row) => row?.producer_id === producer)
      .map((row) => ({ event_id: row?.event_id as string }));
    causes.push({
      code: 'LOST_IN_TRANSIT',
      text: `Producer ${producer} made ${counted(rangesCount(lost), 'event')} in this time without reporting a drop, and none of them came (numbers ${rangesText(lost)}). This proves that the producer lost events, but not of which series.`,
      evidence: [...evidence, ...loss.reports.slice(0, EVIDENCE_MAX)],
      explains: rangesCount(lost),
    });
  }
  return causes;
}

/** Only if the source had other live series then: one silent series proves nothing about its source. */
function sourceCause(gap: GapInterval, all: readonly ModelledSeries[]): FoundCause | null {
  const { source, event_type } = gap.series;
  if (gap.state !== 'MISSING' || source === undefined || event_type === undefined) return null;
  const others = all.filter(
    ({ cells }) =>
      cells.series.source === source &&
      cells.series.event_type !== event_type &&
      cells.firstMs < gap.start_ms &&
      cells.lastMs >= gap.end_ms,
  );
  if (others.length === 0) return null;
  const silent = others.every(({ cells }) => eventsBetween(cells, gap.start_ms, gap.end_ms) === 0);
  if (!silent) return null;
  const text = `All ${others.length + 1} series of ${source} that were active then were silent.`;
  return { code: 'SOURCE_WIDE', text, explains: null };
}
