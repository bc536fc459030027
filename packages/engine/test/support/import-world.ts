import type { TestClock } from '@pik/testkit';
import type { IngestAnswer, Pipeline } from '../../src/api/pipeline.ts';

/** When the small world of imports begins. */
export const WORLD_START = Date.UTC(2025, 11, 28);
const MINUTE_MS = 60_000;
/** When its last imports come. */
export const WORLD_END = WORLD_START + 600 * MINUTE_MS;

/** The content of a receipt. Each field has few values, so that repeats, conflicts and ties are frequent. */
export interface SmallRecord {
  readonly entity: number;
  /** Null: identity by content. */
  readonly key: number | null;
  readonly minute: number;
  readonly value: number;
  /** Spaces in front: other bytes, the same payload. */
  readonly spaces?: number;
}

/** A record with a receive time of `claim` minutes after the start, plus nanoseconds. */
export interface ImportedRecord extends SmallRecord {
  readonly claim: number;
  readonly nanoseconds?: number;
}

/** The text of a record as sent. */
export function textOf(record: SmallRecord | ImportedRecord): string {
  const { entity, key, minute, value, spaces = 0 } = record;
  const received = 'claim' in record ? { received_at: claimOf(record) } : {};
  const text = JSON.stringify({
    source: 's',
    event_type: 't',
    entity_id: `entity_${entity}`,
    event_time: `2025-12-28T00:0${minute}:00Z`,
    ...received,
    payload: { value },
    ...(key === null ? {} : { idempotency_key: `k${key}` }),
  });
  return text.replace('"payload":', `"payload":${' '.repeat(spaces)}`);
}

function claimOf({ claim, nanoseconds = 0 }: ImportedRecord): string {
  const text = new Date(WORLD_START + claim * MINUTE_MS).toISOString();
  return text.replace('.000Z', `.${String(nanoseconds).padStart(9, '0')}Z`);
}

/** Sends records as one request, at the time of the clock. */
export function sendRecords(
  pipeline: Pipeline,
  clock: TestClock,
  { mode, records, firstLine }: { mode: 'live' | 'import'; records: readonly SmallRecord[]; firstLine?: number },
): Promise<IngestAnswer> {
  return pipeline.ingest({
    body: new TextEncoder().encode(records.map(textOf).join('\n')),
    format: 'ndjson',
    mode,
    firstLine,
    receivedMs: clock.now(),
    requestId: 'r',
    principal: null,
    dryRun: false,
  });
}

/** All answers about the small world as of a time, without the addresses of its receipts. */
export async function answersAsOf(pipeline: Pipeline, asOfMs: number) {
  const report = {
    as_of: new Date(asOfMs),
    by: ['source', 'day'],
    basis: 'event',
    include_imported: true,
    limit: 100,
  } as const;
  const { by: _, basis: __, ...plain } = report;
  const lists: unknown[] = [];
  const explained: unknown[] = [];
  for (const entity_id of ['entity_1', 'entity_2']) {
    const query = { entity_id, start_time: null, end_time: null, asOfMs, limit: 100, cursor: null };
    const { events } = await pipeline.timeline(query);
    lists.push(events);
    for await (const line of pipeline.rawEvents(query, { deliveries: true })) lists.push(JSON.parse(line));
    for (const { event_id } of events) explained.push(await pipeline.explainEvent({ event_id }, { asOfMs }));
    const value = { metric: 'daily_event_count', key: entity_id, window_start: '2025-12-28', asOfMs };
    lists.push(await pipeline.computeAggregate(value));
  }
  lists.push(await pipeline.computeAggregate({ metric: 'value_sum', key: 'all', window_start: '2025-12-28', asOfMs }));
  return withoutPlaces({
    lists,
    explained,
    lag: await pipeline.ask('lag', { ...report, late_over_ms: 7_200_000 }),
    liveLag: await pipeline.ask('lag', { ...report, include_imported: false, late_over_ms: 7_200_000 }),
    received: await pipeline.ask('lag', { ...report, basis: 'received', by: ['hour'], late_over_ms: 7_200_000 }),
    duplicates: await pipeline.ask('duplicates', report),
    failures: await pipeline.ask('failures', { ...plain, by: ['source'] }),
    completeness: await pipeline.ask('completeness', { ...plain, by: ['source'], closed_after_ms: 3_600_000 }),
    rejects: (await pipeline.rejects({ limit: 100, cursor: null })).rejects,
    gaps: await pipeline.ask('gaps', {
      ...plain,
      by: ['source'],
      basis: 'received',
      grain: 'hour',
      time_zone: 'UTC',
      limit: 100,
    }),
  });
}

// The reason for an empty report depends on how records were grouped into requests.
const PLACES = new Set(['pack_id', 'line', 'raw_key', 'evidence', 'empty']);

/** A value with lists sorted by text and without addresses, which differ from run to run. */
function withoutPlaces(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => withoutPlaces(item));
    return items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  if (typeof value === 'string') return value.replace(/in raw\/v1\/\S+, line \d+/, 'in a pack');
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value).filter(([name]) => !PLACES.has(name));
  return Object.fromEntries(members.map(([name, member]) => [name, withoutPlaces(member)]));
}
