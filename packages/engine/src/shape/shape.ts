import {
  formatEpochMs,
  LIMITS,
  packStoredMs,
  type SchemaQuery,
  type SchemaReport,
  type ShapePath,
  type ShapeSeries,
  schemaQuestion,
} from '@pik/schema';

import { maskedPlaces } from '../mask/mask-rules.ts';
import { openReportPage } from '../reports/report-page.ts';
import { answerQuestion } from '../runtime/answer-question.ts';
import { spentText } from '../runtime/budget.ts';
import type { Context } from '../runtime/context.ts';
import type { Expression } from '../search/rules/expression.ts';
import { payloadIn, type ReceiptFacts } from '../search/rules/receipt-facts.ts';
import { searchLog } from '../search/search-log.ts';
import { surest, testDrift } from './rules/drift.ts';
import { jsonSchemaOf } from './rules/json-schema.ts';
import { type Era, Place, type PlaceBudget, placesOf } from './rules/place.ts';

/** What do payloads look like? Learned from the accepted events of a range of receive times. Throws `CURSOR_INVALID`. */
export const schema = answerQuestion(schemaQuestion, async (context, query) => {
  const { cursor, limit, ...question } = query;
  const page = openReportPage(cursor, { report: 'schema', ...question });
  const asOfMs = query.as_of ?? page.nowMs;
  const read = await readShapes(context, query, asOfMs);
  const all = [...read.series.values()].sort(bySeries);
  const drift = query.drift_from === undefined || read.coveredFrom !== null ? null : driftsOf(all);
  const notes = [...read.notes];
  if (query.drift_from !== undefined && drift === null)
    notes.push('changes are not named, because not all of the range could be read');
  const paged = page.cut(all, { itemsMax: limit, nameOf: ({ source, event_type }) => [source, event_type] });
  return {
    as_of: formatEpochMs(asOfMs),
    series: paged.items.map((one) => seriesView(one, { query, drift: drift?.get(one) ?? [] })),
    series_total: all.length,
    covered_from: read.coveredFrom,
    unreadable: read.unreadable,
    next_cursor: paged.next_cursor,
    partial: notes.length > 0,
    notes,
  };
});

/** The payloads of a source and type, as far as they were read. */
interface LearnedSeries {
  readonly source: string;
  readonly event_type: string;
  readonly events: [number, number];
  deletions: number;
  readonly payload: Place;
  readonly example: ShapeSeries['example'];
}

interface ReadShapes {
  readonly series: ReadonlyMap<string, LearnedSeries>;
  readonly coveredFrom: string | null;
  readonly unreadable: SchemaReport['unreadable'];
  readonly notes: readonly string[];
}

async function readShapes(context: Context, query: SchemaQuery, asOfMs: number): Promise<ReadShapes> {
  const { start_time, end_time, drift_from } = query;
  const driftFrom = drift_from === undefined ? null : formatEpochMs(drift_from);
  const series = new Map<string, LearnedSeries>();
  const places: PlaceBudget = { left: LIMITS.schema_paths_max, isMasked: maskedPlaces(context), hasMore: false };
  const unreadable: SchemaReport['unreadable'] = [];
  const notes: string[] = [];
  let [faults, events] = [0, 0];
  let coveredFrom: string | null = null;
  const search = { expression: expressionOfSeries(query), start_time, end_time, asOfMs };
  const fromMs = start_time - LIMITS.search_before_range_ms;
  for await (const step of searchLog(context, search, { place: null, fromMs })) {
    if (step.kind === 'match') {
      const era: Era = driftFrom === null || step.facts.envelope.received_at >= driftFrom ? 1 : 0;
      if (isFirst(step.facts)) learn(series, { ...step, era, event: events++, places });
      continue;
    }
    if (step.fault !== null) {
      faults += 1;
      if (unreadable.length < LIMITS.search_unreadable_listed_max)
        unreadable.push({ pack_id: step.pack_id, code: step.fault });
    }
    const why = context.budget.spent();
    if (why === null) continue;
    coveredFrom = formatEpochMs(packStoredMs(step.pack_id));
    notes.push(`${spentText(why)}: only the last stored events were read`);
    break;
  }
  if (faults > 0) notes.push(`${faults} of the packs could not be read, so their events were not read`);
  if (places.hasMore) notes.push(`only the first ${LIMITS.schema_paths_max} paths were learned`);
  return { series, coveredFrom, unreadable, notes };
}

/** Repeats of an event say nothing about its payload that its first receipt does not. */
function isFirst({ envelope, outcome }: ReceiptFacts): boolean {
  return envelope.event_id !== null && (outcome === 'ACCEPTED' || outcome === null);
}

function expressionOfSeries({ source, event_type }: SchemaQuery): Expression {
  const is = (field: 'source' | 'event_type', text: string | undefined): Expression[] =>
    text === undefined
      ? []
      : [{ kind: 'compare', path: { field, steps: [] }, by: '==', to: { kind: 'text', text }, word: null }];
  return { kind: 'and', parts: [...is('source', source), ...is('event_type', event_type)] };
}

interface Learned {
  readonly pack_id: string;
  readonly facts: ReceiptFacts;
  readonly era: Era;
  readonly event: number;
  readonly places: PlaceBudget;
}

function learn(all: Map<string, LearnedSeries>, { pack_id, facts, era, event, places }: Learned): void {
  const { source, event_type, line, event_id, received_at } = facts.envelope;
  const name = JSON.stringify([source, event_type]);
  const series = all.get(name) ?? {
    source: source ?? '',
    event_type: event_type ?? '',
    events: [0, 0],
    deletions: 0,
    payload: new Place('payload'),
    example: { pack_id, line, event_id },
  };
  all.set(name, series);
  series.events[era] += 1;
  const payload = payloadIn(facts);
  if (payload === undefined || payload === null) series.deletions += 1;
  else series.payload.add(payload, { event, era, receivedAt: received_at }, places);
}

function bySeries(x: LearnedSeries, y: LearnedSeries): number {
  const [a, b] = [JSON.stringify([x.source, x.event_type]), JSON.stringify([y.source, y.event_type])];
  return a < b ? -1 : a > b ? 1 : 0;
}

function driftsOf(all: readonly LearnedSeries[]): Map<LearnedSeries, ShapeSeries['drift']> {
  const tested = all.map(({ payload, events }, i) => testDrift(i, payload, events));
  const tests = tested.reduce((sum, one) => sum + one.tests, 0);
  const drifts = new Map<LearnedSeries, ShapeSeries['drift']>(all.map((one) => [one, []]));
  for (const { series, drift } of surest(
    tested.flatMap(({ found }) => found),
    tests,
  )) {
    const learned = all[series];
    if (learned !== undefined) drifts.get(learned)?.push(drift);
  }
  return drifts;
}

interface Shown {
  readonly query: SchemaQuery;
  readonly drift: ShapeSeries['drift'];
}

function seriesView(learned: LearnedSeries, { query, drift }: Shown): ShapeSeries {
  const { source, event_type, events, deletions, payload, example } = learned;
  const total = events[0] + events[1];
  const places = [...placesOf(payload)].filter(({ firstSeen }) => firstSeen !== '');
  const json_schema = query.json_schema ? { json_schema: jsonSchemaOf(payload, `${source} ${event_type}`) } : {};
  const paths = places.map((place) => pathView(place, total)).sort((x, y) => (x.path < y.path ? -1 : 1));
  return { source, event_type, events: total, deletions, paths, example, drift, ...json_schema };
}

function pathView(place: Place, total: number): ShapePath {
  const { path, events, types, distinct, least, largest, firstSeen, lastSeen, example } = place;
  const counted = distinct.count();
  return {
    path,
    events: events[0] + events[1],
    share: (events[0] + events[1]) / total,
    types: [...types]
      .map(([type, [before, since]]) => ({ type, count: before + since }))
      .sort((x, y) => y.count - x.count || (x.type < y.type ? -1 : 1)),
    distinct: counted.distinct,
    is_estimated: counted.isEstimated,
    least,
    largest,
    first_text: place.firstText,
    last_text: place.lastText,
    first_seen: firstSeen,
    last_seen: lastSeen,
    example,
  };
}
