import { type Finding, formatEpochMs, MS_PER_DAY, parseEventId, parseTime, positionAt } from '@pik/schema';

import type { EventQuery } from '../pipeline.ts';
import type { EventRow, FailureRow } from '../ports/rows.ts';
import type { Context } from './context.ts';
import { readPages } from './pages.ts';
import { timelineRows } from './timeline.ts';

/** What is looked for. */
interface Target {
  readonly eventId: string | null;
  readonly asOfMs: number;
}

const NEIGHBOURS_MAX = 100;
const NAMED_MAX = 5;

/** Why an event is not there, in order of how much it would explain. Each finding says what was looked at. */
export async function missingFindings(context: Context, query: EventQuery, target: Target): Promise<Finding[]> {
  if (target.eventId !== null && parseEventId(target.eventId) === null) {
    return [{ code: 'MALFORMED_ID', text: 'This is not an event id: those have 47 characters of 0-9 and a-v.' }];
  }
  const time = timeOf(query, target.eventId);
  const rejected = await rejectedFinding(context, query);
  const neighbours = await neighboursOf(context, query, { ...target, time });
  return [
    ...rejected,
    ...expiredFinding(context, time),
    neighboursFinding(neighbours, time),
    ...(await sequenceFindings(context, neighbours)),
  ];
}

/** The event time that the query or the id itself names; null for keyed events. */
function timeOf(query: EventQuery, eventId: string | null): number | null {
  if ('event_time' in query) return parseTime(query.event_time)?.epoch_ms ?? null;
  const text = eventId === null ? null : (parseEventId(eventId)?.event_time ?? null);
  return text === null ? null : (parseTime(text)?.epoch_ms ?? null);
}

async function rejectedFinding(context: Context, query: EventQuery): Promise<Finding[]> {
  if (!('source' in query)) return [];
  const { source, event_type } = query;
  const found = await context.backend.index.listFailures({
    fromMs: 0,
    toMs: 2 ** 47,
    source,
    event_type,
    limit: NEIGHBOURS_MAX,
  });
  const rejects = found.items.filter(({ kind }) => kind === 'REJECT');
  if (rejects.length === 0) return [];
  const evidence = rejects.slice(0, NAMED_MAX).map(({ pack_id, line }) => ({ pack_id, line }));
  const reasons = [...new Set(rejects.map(({ code }: FailureRow) => code))].join(', ');
  const count = found.next === null ? `${rejects.length}` : `${rejects.length} or more`;
  return [
    {
      code: 'REJECTED_IN_SERIES',
      text: `${count} receipts of this source and type were rejected (${reasons}); it may be among them.`,
      evidence,
    },
  ];
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
async function neighboursOf(
  context: Context,
  query: EventQuery,
  target: Target & { time: number | null },
): Promise<readonly EventRow[]> {
  const { asOfMs, time, eventId } = target;
  const at = (ms: number) => new Date(ms).toISOString();
  if ('entity_id' in query) {
    const start_time = time === null ? null : at(time - MS_PER_DAY);
    const end_time = time === null ? null : at(time + MS_PER_DAY);
    const page = await timelineRows(context, {
      entity_id: query.entity_id,
      start_time,
      end_time,
      asOfMs,
      limit: NEIGHBOURS_MAX,
      cursor: null,
    });
    return page.items;
  }
  if (eventId === null || time === null) return [];
  const bound = (ms: number) => positionAt(eventId, { epoch_ms: ms, sub_ms_ns: 0 });
  const range = { from: bound(time - MS_PER_DAY), to: bound(time + MS_PER_DAY), asOfMs, limit: NEIGHBOURS_MAX };
  return (await context.backend.index.listTimeline(range)).items;
}

function neighboursFinding(neighbours: readonly EventRow[], time: number | null): Finding {
  const span =
    time === null
      ? 'at any time'
      : `between ${formatEpochMs(time - MS_PER_DAY)} and ${formatEpochMs(time + MS_PER_DAY)}`;
  const evidence = neighbours.slice(0, NAMED_MAX).map(({ event_id }) => ({ event_id }));
  const count = neighbours.length >= NEIGHBOURS_MAX ? `${NEIGHBOURS_MAX} or more` : `${neighbours.length}`;
  return {
    code: 'NO_RECEIPT',
    text: `No receipt of it came; ${count} other events of the entity ${span} did.`,
    evidence,
  };
}

/** A gap in a producer's own count proves that something was made and never came. */
async function sequenceFindings(context: Context, neighbours: readonly EventRow[]): Promise<Finding[]> {
  const findings: Finding[] = [];
  const producers = new Set(neighbours.flatMap(({ producer_id }) => producer_id ?? []));
  for (const producer of [...producers].slice(0, NAMED_MAX)) {
    const gaps = await missingNumbers(context, producer);
    if (gaps.length === 0) continue;
    const named = gaps
      .slice(0, NAMED_MAX)
      .map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`));
    const more = gaps.length > NAMED_MAX ? ' and more' : '';
    findings.push({
      code: 'SEQUENCE_GAP',
      text: `Of producer ${producer} the numbers ${named.join(', ')}${more} never came.`,
    });
  }
  return findings;
}

async function missingNumbers(context: Context, producer: string): Promise<[number, number][]> {
  const seen: [number, number][] = [];
  for await (const row of readPages((cursor) => context.backend.index.listSequences(producer, cursor))) {
    seen.push(...row.ranges.map(([first, last]): [number, number] => [first, last]));
  }
  seen.sort((a, b) => a[0] - b[0]);
  const gaps: [number, number][] = [];
  let next = 1;
  for (const [first, last] of seen) {
    if (first > next) gaps.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  return gaps;
}
