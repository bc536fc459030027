import { counted, type Finding, formatEpochMs, MS_PER_DAY, parseEventId, parseTime, positionAt } from '@pik/schema';

import { lostBetween, rangesCount, rangesText } from '../domain/producer-loss.ts';
import type { EventQuery } from '../pipeline.ts';
import type { EventRow, FailureRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { repeatFindings } from './explain-repeats.ts';
import { envelopeBody } from './pack-store.ts';
import { readFirst } from './pages.ts';
import { producerLoss } from './producer-numbers.ts';
import { createPackReader } from './raw-events.ts';
import { timelineRows } from './timeline.ts';

/** What is looked for. */
interface Target {
  readonly eventId: string | null;
  readonly asOfMs: number;
  /** The event time that the query or the id itself names; null for keyed events. */
  readonly time: number | null;
}

const NEIGHBOURS_MAX = 100;
const NAMED_MAX = 5;
/** Refused receipts whose bytes are searched for the entity. */
const BODIES_MAX = 200;

/** Why an event is not there, in order of how much it would explain. Each finding says what was looked at. */
export async function missingFindings(
  context: Context,
  query: EventQuery,
  { eventId, asOfMs }: Omit<Target, 'time'>,
): Promise<Finding[]> {
  if (eventId !== null && parseEventId(eventId) === null) {
    return [{ code: 'MALFORMED_ID', text: 'This is not an event id: those have 47 characters of 0-9 and a-v.' }];
  }
  const target = { eventId, asOfMs, time: timeOf(query, eventId) };
  const neighbours = await neighboursOf(context, query, target);
  return [
    ...(await rejectedFindings(context, query, target)),
    ...(await repeatFindings(context, query, target)),
    ...expiredFinding(context, target.time),
    ...(await sequenceFindings(context, neighbours, target)),
    neighboursFinding(neighbours, target.time),
  ];
}

function timeOf(query: EventQuery, eventId: string | null): number | null {
  if ('event_time' in query) return parseTime(query.event_time)?.epoch_ms ?? null;
  const text = eventId === null ? null : (parseEventId(eventId)?.event_time ?? null);
  return text === null ? null : (parseTime(text)?.epoch_ms ?? null);
}

/** Refused receipts that name the entity are the surest; after them those of the series, where it is known. */
async function rejectedFindings(context: Context, query: EventQuery, { asOfMs }: Target): Promise<Finding[]> {
  if (!('entity_id' in query)) return [];
  const series = 'source' in query ? { source: query.source, event_type: query.event_type } : {};
  const failures = { fromMs: 0, toMs: asOfMs + 1, ...series, limit: BODIES_MAX };
  const found = await readFirst((cursor) => context.backend.index.listFailures({ ...failures, cursor }), BODIES_MAX);
  const rejects = found.items.filter(({ kind }) => kind === 'REJECT');
  const named = await namingEntity(context, rejects, query.entity_id);
  if (named.length > 0) {
    const text = `${counted(named.length, 'receipt that names this entity was', 'receipts that name this entity were')} rejected (${codesOf(named)}); it may be among them.`;
    return [{ code: 'REJECTED', text, evidence: addresses(named) }];
  }
  if (!('source' in query) || rejects.length === 0) return [];
  const count = counted(rejects.length, 'receipt of this source and type was', 'receipts of this source and type were');
  const text = `${found.more ? 'at least ' : ''}${count} rejected (${codesOf(rejects)}), and none of those looked at names the entity.`;
  return [{ code: 'REJECTED_IN_SERIES', text, evidence: addresses(rejects) }];
}

const codesOf = (rows: readonly FailureRow[]) => [...new Set(rows.map(({ code }) => code))].join(', ');
const addresses = (rows: readonly FailureRow[]) =>
  rows.slice(0, NAMED_MAX).map(({ pack_id, line }) => ({ pack_id, line }));

async function namingEntity(context: Context, rejects: readonly FailureRow[], entityId: string): Promise<FailureRow[]> {
  const read = createPackReader(context);
  // As JSON writes it, so that quotes and escapes in the id are found too.
  const needle = JSON.stringify(entityId);
  const named: FailureRow[] = [];
  for (const row of rejects) {
    // Bytes that are gone cannot name anybody; verify says that they are gone.
    const envelope = await read(row.pack_id).then(
      (pack) => pack[row.line],
      () => undefined,
    );
    if (envelope !== undefined && new TextDecoder().decode(envelopeBody(envelope)).includes(needle)) named.push(row);
  }
  return named;
}

function expiredFinding(context: Context, time: number | null): Finding[] {
  const horizon = context.backend.clock.now() - context.indexRetentionMs;
  if (time === null || time >= horizon) return [];
  return [
    {
      code: 'OUTSIDE_RETENTION',
      text: `Its event time lies before ${formatEpochMs(horizon)}, from where on the index remembers.`,
    },
  ];
}

/** Events of the same entity within a day of the time: the id holds the entity's hash, so no name is needed. */
async function neighboursOf(context: Context, query: EventQuery, target: Target): Promise<readonly EventRow[]> {
  const { asOfMs, time, eventId } = target;
  const at = (ms: number) => new Date(ms).toISOString();
  if ('entity_id' in query) {
    const start_time = time === null ? null : at(time - MS_PER_DAY);
    const end_time = time === null ? null : at(time + MS_PER_DAY);
    const range = { entity_id: query.entity_id, start_time, end_time, asOfMs, limit: NEIGHBOURS_MAX };
    return (await readFirst((cursor) => timelineRows(context, { ...range, cursor }), NEIGHBOURS_MAX)).items;
  }
  if (eventId === null || time === null) return [];
  const bound = (ms: number) => positionAt(eventId, { epoch_ms: ms, sub_ms_ns: 0 });
  const range = { from: bound(time - MS_PER_DAY), to: bound(time + MS_PER_DAY), asOfMs, limit: NEIGHBOURS_MAX };
  return (await readFirst((cursor) => context.backend.index.listTimeline({ ...range, cursor }), NEIGHBOURS_MAX)).items;
}

function neighboursFinding(neighbours: readonly EventRow[], time: number | null): Finding {
  const span =
    time === null
      ? 'at any time'
      : `between ${formatEpochMs(time - MS_PER_DAY)} and ${formatEpochMs(time + MS_PER_DAY)}`;
  const evidence = neighbours.slice(0, NAMED_MAX).map(({ event_id }) => ({ event_id }));
  const atLeast = neighbours.length >= NEIGHBOURS_MAX ? 'at least ' : '';
  return {
    code: 'NO_RECEIPT',
    text: `No receipt of it came; ${atLeast}${counted(neighbours.length, 'other event')} of the entity ${span} did.`,
    evidence,
  };
}

/** A gap in a producer's own count proves that something was made and never came; between its neighbours it may be this one. */
async function sequenceFindings(
  context: Context,
  neighbours: readonly EventRow[],
  { asOfMs, time }: Target,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const byProducer = Map.groupBy(
    neighbours.filter(({ producer_id }) => producer_id !== null),
    ({ producer_id }) => producer_id as string,
  );
  for (const [producer, rows] of [...byProducer].slice(0, NAMED_MAX)) {
    const loss = await producerLoss(context, producer, asOfMs);
    if (loss === null || loss.lost.length === 0) continue;
    const { before, after } = besideTime(rows, time);
    const between = lostBetween(loss.lost, before?.producer_seq ?? null, after?.producer_seq ?? null);
    const near = time !== null && (before !== null || after !== null) && between.length > 0;
    const numbers = near ? between : loss.lost;
    const where = near ? ' between its events before and after that time' : '';
    findings.push({
      code: 'SEQUENCE_GAP',
      text: `Sequence numbers ${rangesText(numbers)} of producer ${producer}${where} are missing: ${counted(rangesCount(numbers), 'event was', 'events were')} made, not reported as dropped, and never came.`,
      evidence: [
        ...[before, after].flatMap((row) => (row === null ? [] : [{ event_id: row.event_id }])),
        ...loss.reports,
      ],
    });
  }
  return findings;
}

/** The last event before a time and the first after it. */
function besideTime(rows: readonly EventRow[], time: number | null) {
  const sorted = rows.toSorted((a, b) => a.event_ms - b.event_ms);
  if (time === null) return { before: null, after: null };
  return {
    before: sorted.findLast(({ event_ms }) => event_ms <= time) ?? null,
    after: sorted.find(({ event_ms }) => event_ms > time) ?? null,
  };
}
