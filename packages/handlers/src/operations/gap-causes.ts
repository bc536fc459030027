import { counted, durationText, type Finding, formatEpochMs, type Gap, LIMITS } from '@pik/schema';

import { eventsBetween } from '../domain/gap-cells.ts';
import type { GapInterval, GapQuestion, ModelledSeries } from '../domain/gaps.ts';
import { lostBetween, rangesCount, rangesText } from '../domain/producer-loss.ts';
import type { GapsQuery } from '../pipeline.ts';
import type { EventRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { findNeighbours, type Neighbours } from './gap-neighbours.ts';
import { readFirst } from './pages.ts';
import { type ProducerLoss, producerLoss } from './producer-numbers.ts';

type Cause = NonNullable<Gap['cause']>;
type CauseFinding = Finding & { code: Cause };

/** What is looked along for the causes of gaps. */
export interface FoundGaps {
  readonly found: readonly GapInterval[];
  readonly series: readonly ModelledSeries[];
  readonly question: GapQuestion;
}

const EVIDENCE_MAX = 5;
/** Refused receipts that are counted for one gap. */
const REJECTS_MAX = 1_000;

/** The gaps with the events beside them and their causes, found along the chain from producer to index. */
export async function explainGaps(context: Context, query: GapsQuery, gaps: FoundGaps): Promise<Gap[]> {
  const looked = gaps.found.slice(0, LIMITS.report_gap_causes_max);
  const neighbours = await findNeighbours(context, query, { gaps: looked, asOfMs: gaps.question.asOfMs });
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
        ? await causesOf(context, gap, { query, gaps, beside, lossOf })
        : pendingFinding(gap);
    views.push(gapView(gap, beside, { findings, basis: query.basis }));
  }
  return views;
}

function gapView(
  gap: GapInterval,
  beside: Neighbours | null,
  { findings, basis }: { findings: readonly Finding[]; basis: GapsQuery['basis'] },
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

function pendingFinding({ state, usualLagMs }: GapInterval): Finding[] {
  if (state !== 'PENDING') return [];
  const text = `Too early to say: 99 % of this series come within ${durationText(usualLagMs)}, and these windows are younger.`;
  return [{ code: 'PENDING', text }];
}

interface Looking {
  readonly query: GapsQuery;
  readonly gaps: FoundGaps;
  readonly beside: Neighbours | null;
  readonly lossOf: (producer: string) => Promise<ProducerLoss | null>;
}

/** In the order of `GAP_CAUSES`; the last one holds where no other does. */
async function causesOf(context: Context, gap: GapInterval, looking: Looking): Promise<CauseFinding[]> {
  const found = [
    await rejectedCause(context, gap, looking),
    lateCause(gap),
    ...(await lostCauses(gap, looking)),
    sourceCause(gap, looking.gaps.series),
  ].filter((cause) => cause !== null);
  if (found.length > 0) return found;
  const text = `No receipt of it came between ${formatEpochMs(gap.start_ms)} and ${formatEpochMs(gap.end_ms)}, and nothing says that one was made.`;
  const less = `Only ${gap.count} came where ${Math.round(gap.expected ?? 0)} are usual, and nothing says that more were made.`;
  return [{ code: 'NOT_RECEIVED', text: gap.state === 'PARTIAL' ? less : text }];
}

/** Refused receipts have a receive time only, so they are looked for in the windows and for the usual lag after them. */
async function rejectedCause(
  context: Context,
  gap: GapInterval,
  { query, gaps }: Looking,
): Promise<CauseFinding | null> {
  const { source = query.source, event_type = query.event_type } = gap.series;
  if (source === undefined && event_type === undefined) return null;
  const toMs = Math.min(gap.end_ms + Math.ceil(gap.usualLagMs), gaps.question.asOfMs + 1);
  const failures = { fromMs: gap.start_ms, toMs, source, event_type, limit: REJECTS_MAX };
  const page = await readFirst((cursor) => context.backend.index.listFailures({ ...failures, cursor }), REJECTS_MAX);
  const rejects = page.items.filter(({ kind }) => kind === 'REJECT');
  if (rejects.length === 0) return null;
  const codes = [...new Set(rejects.map(({ code }) => code))].join(', ');
  const were = [
    `receipt of this series was refused (${codes})`,
    `receipts of this series were refused (${codes})`,
  ] as const;
  return {
    code: 'REJECTED',
    text: `${page.more ? 'at least ' : ''}${counted(rejects.length, ...were)} when its events should have come.`,
    evidence: rejects.slice(0, EVIDENCE_MAX).map(({ pack_id, line }) => ({ pack_id, line })),
  };
}

function lateCause({ later }: GapInterval): CauseFinding | null {
  if (later === 0) return null;
  return {
    code: 'LATE',
    text: `${counted(later, 'event')} of these windows came after the time asked about, or by a backfill.`,
  };
}

/** The producers of the events beside the gap: which of their numbers lie between, and never came. */
async function lostCauses({ lastGood, firstGood }: GapInterval, { beside, lossOf }: Looking): Promise<CauseFinding[]> {
  if (beside === null || lastGood === null || firstGood === null) return [];
  const { last, first } = beside;
  const producers = new Set([last?.producer_id, first?.producer_id].filter((id) => id != null));
  const causes: CauseFinding[] = [];
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
      text: `Producer ${producer} made ${counted(rangesCount(lost), 'event')} in this time without reporting a drop, and nothing of that came (numbers ${rangesText(lost)}). It proves a loss of the producer, whichever of its series they belong to.`,
      evidence: [...evidence, ...loss.reports.slice(0, EVIDENCE_MAX)],
    });
  }
  return causes;
}

/** Only where the source has other series that were alive then: one silent series alone says nothing of its source. */
function sourceCause(gap: GapInterval, all: readonly ModelledSeries[]): CauseFinding | null {
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
  const text = `All ${others.length + 1} series of ${source} that were alive then were silent.`;
  return { code: 'SOURCE_WIDE', text };
}
