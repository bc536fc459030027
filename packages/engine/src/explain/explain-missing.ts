import { counted, type Finding, LIMITS, MS_PER_DAY, parseEventId, parseTime } from '@pik/schema';
import type { EventQuery } from '../api/pipeline.ts';
import type { EventRow } from '../ports/rows.ts';
import type { Context } from '../runtime/context.ts';
import { readFirst } from '../runtime/pages.ts';
import { plainTime } from '../runtime/rules/plain-time.ts';
import { type NearRows, rowsNear } from '../storage/nearest-rows.ts';
import { producerLoss } from '../storage/producer-numbers.ts';
import { lostBetween, rangesCount, rangesText } from '../storage/rules/producer-loss.ts';
import { similarEntities } from '../storage/similar-entities.ts';
import { timelineRows } from '../storage/timeline.ts';
import type { Attempts } from './attempts.ts';
import { searchRefused } from './explain-refused.ts';
import { repeatFindings } from './explain-repeats.ts';

/** The event to search for. */
interface Target {
  readonly eventId: string | null;
  readonly asOfMs: number;
  /** The event time in the query or in the id; null for keyed events. */
  readonly time: number | null;
  readonly attempts: Attempts;
}

const NEIGHBOURS_MAX = 100;
const NAMED_MAX = 5;

/** Explains why an event is missing, the strongest evidence first. The last finding lists what was searched and what was not. */
export async function missingFindings(
  context: Context,
  query: EventQuery,
  { eventId, asOfMs, attempts }: Omit<Target, 'time'>,
): Promise<Finding[]> {
  if (eventId !== null && parseEventId(eventId) === null) {
    return [{ code: 'MALFORMED_ID', text: 'This is not an event id: an event id has 47 characters, 0-9 and a-v.' }];
  }
  const target = { eventId, asOfMs, time: timeOf(query, eventId), attempts };
  const beside = () => neighboursOf(context, query, target);
  const neighbours = await attempts.run('the other events of the entity', beside, null);
  const refused = await searchRefused(context, { query, ...target });
  const repeated = () => repeatFindings(context, query, target);
  const repeats = await attempts.run('repeats of other events of the entity', repeated, []);
  const numbers: NumbersSearch = { findings: [], notSearched: [] };
  const counts = () => searchNumbers(context, { neighbours: neighbours?.rows ?? [], ...target }, numbers);
  await attempts.run('the sequence numbers of producers', counts, undefined);
  const spelt = async () => ('entity_id' in query ? similarEntities(context, query.entity_id, target) : []);
  const similar = await attempts.run('ids with another spelling', spelt, []);
  return [
    ...refused.findings,
    ...repeats,
    ...similar,
    ...expiredFinding(context, target.time),
    ...numbers.findings,
    noReceipt(neighbours, {
      time: target.time,
      named: refused.named,
      searched: refused.searched,
      notSearched: [...refused.notSearched, ...numbers.notSearched, ...attempts.missed],
    }),
  ];
}

function timeOf(query: EventQuery, eventId: string | null): number | null {
  if ('event_time' in query) return parseTime(query.event_time)?.epoch_ms ?? null;
  const text = eventId === null ? null : (parseEventId(eventId)?.event_time ?? null);
  return text === null ? null : (parseTime(text)?.epoch_ms ?? null);
}

function expiredFinding(context: Context, time: number | null): Finding[] {
  const horizon = context.backend.clock.now() - context.indexRetentionMs;
  if (time === null || time >= horizon) return [];
  return [
    {
      code: 'OUTSIDE_RETENTION',
      text: `Its event time lies before ${plainTime(horizon)}, the earliest time that the index still covers.`,
    },
  ];
}

/** Reads the entity's events within a day of the time. The id contains the entity's hash, so the entity's name is not needed. */
async function neighboursOf(context: Context, query: EventQuery, { asOfMs, time, eventId }: Target): Promise<NearRows> {
  const entity =
    'entity_id' in query ? { entity_id: query.entity_id } : eventId === null ? null : { event_id: eventId };
  if (entity !== null && time !== null)
    return rowsNear(context, { entity, time, withinMs: MS_PER_DAY, asOfMs, max: NEIGHBOURS_MAX });
  if (!('entity_id' in query)) return { rows: [], more: false };
  const range = { entity_id: query.entity_id, start_time: null, end_time: null, asOfMs, limit: NEIGHBOURS_MAX };
  const { items, more } = await readFirst((cursor) => timelineRows(context, { ...range, cursor }), NEIGHBOURS_MAX);
  return { rows: items, more };
}

interface Searched {
  readonly time: number | null;
  /** True if a rejected receipt names the entity. */
  readonly named: boolean;
  readonly searched: readonly string[];
  readonly notSearched: readonly string[];
}

/** Lists what was searched without result, so that the answer is not taken for more. */
function noReceipt(neighbours: NearRows | null, { time, named, searched, notSearched }: Searched): Finding {
  const span =
    time === null ? 'at any time' : `between ${plainTime(time - MS_PER_DAY)} and ${plainTime(time + MS_PER_DAY)}`;
  const { rows, more } = neighbours ?? { rows: [], more: false };
  const evidence = rows.slice(0, NAMED_MAX).map(({ event_id }) => ({ event_id }));
  const none = named ? 'No receipt of it was accepted' : 'No receipt of it was found';
  const others = `${more ? 'at least ' : ''}${rows.length === 0 ? 'no other events' : counted(rows.length, 'other event')} of the entity ${span}`;
  const known = neighbours === null ? searched : ['the events of the entity', ...searched];
  const sentences = [
    neighbours === null ? `${none}.` : `${none}; there ${rows.length === 1 ? 'is' : 'are'} ${others}.`,
    ...(known.length === 0 ? [] : [`Searched: ${known.join('; ')}.`]),
    ...(notSearched.length === 0 ? [] : [`Not searched: ${notSearched.join('; ')}.`]),
  ];
  return { code: 'NO_RECEIPT', text: sentences.join(' '), evidence };
}

interface NumbersSearch {
  readonly findings: Finding[];
  readonly notSearched: string[];
}

/** A gap in a producer's sequence numbers proves that an event was made and never received; it may be this one. */
async function searchNumbers(
  context: Context,
  { neighbours, asOfMs, time }: Target & { readonly neighbours: readonly EventRow[] },
  { findings, notSearched }: NumbersSearch,
): Promise<void> {
  const byProducer = Map.groupBy(
    neighbours.filter(({ producer_id }) => producer_id !== null),
    ({ producer_id }) => producer_id as string,
  );
  const left = byProducer.size - NAMED_MAX;
  if (left > 0) notSearched.push(`the sequence numbers of ${counted(left, 'further producer')}`);
  for (const [producer, rows] of [...byProducer].slice(0, NAMED_MAX)) {
    const loss = await producerLoss(context, producer, asOfMs);
    if (loss === null)
      notSearched.push(
        `the sequence numbers of producer ${producer}, which sent more than ${LIMITS.producer_packs_max} requests outside of closed hours`,
      );
    if (loss === null || loss.lost.length === 0) continue;
    const { before, after } = aroundTime(rows, time);
    const between = lostBetween(loss.lost, before?.producer_seq ?? null, after?.producer_seq ?? null);
    const near = time !== null && (before !== null || after !== null) && between.length > 0;
    const numbers = near ? between : loss.lost;
    const where = near ? ' between its events before and after that time' : '';
    findings.push({
      code: 'SEQUENCE_GAP',
      text: `Sequence numbers ${rangesText(numbers)} of producer ${producer}${where} are missing: ${counted(rangesCount(numbers), 'event was', 'events were')} made, not reported as dropped, and never received.`,
      evidence: [
        ...[before, after].flatMap((row) => (row === null ? [] : [{ event_id: row.event_id }])),
        ...loss.reports,
      ],
    });
  }
}

/** Returns the last event before a time and the first after it. */
function aroundTime(rows: readonly EventRow[], time: number | null) {
  const sorted = rows.toSorted((a, b) => a.event_ms - b.event_ms);
  if (time === null) return { before: null, after: null };
  return {
    before: sorted.findLast(({ event_ms }) => event_ms <= time) ?? null,
    after: sorted.find(({ event_ms }) => event_ms > time) ?? null,
  };
}
