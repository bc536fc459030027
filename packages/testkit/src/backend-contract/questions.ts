import type { QuestionName, SelectionOf } from '@pik/schema';

import { HOUR } from './life.ts';

/** Selections of one question, by a name for test output. */
export interface Ways<S> {
  /** Selections whose later pages do not change when events arrive in between. */
  readonly paged: Readonly<Record<string, S>>;
  readonly more?: Readonly<Record<string, S>>;
}

/** Selections of every declared question. A missing question is a type error. */
export type ContractQuestions = { readonly [N in QuestionName]: Ways<SelectionOf<N>> };

/** Returns all selections of one question. */
export function waysOf<S>({ paged, more = {} }: Ways<S>): [name: string, selection: S][] {
  return Object.entries({ ...paged, ...more });
}

/** Selections for the events of `life.ts`, which start at this midnight. */
export function contractQuestions(startMs: number): ContractQuestions {
  const at = (hour: number) => new Date(startMs + hour * HOUR);
  const all = { include_imported: true, by: ['source', 'event_type'] } as const;
  const hourly = { include_imported: true, by: ['event_type'], cadence_ms: HOUR } as const;
  const day = { metric: 'daily_event_count', key: 'meter', start_time: at(0) };
  return {
    lag: {
      paged: { 'lag by hour of receipt': { ...all, basis: 'received', by: ['event_type', 'hour'] } },
      more: {
        lag: all,
        'lag by hour of receipt, as of a time': { ...all, basis: 'received', by: ['hour'], as_of: at(22) },
        'lag by day, live only': { by: ['source', 'day'] },
      },
    },
    duplicates: { paged: { duplicates: { ...all, by: ['event_type', 'hour'], basis: 'received' } } },
    completeness: { paged: { completeness: { include_imported: true, by: ['event_type'], closed_after_ms: HOUR } } },
    find: {
      paged: { find: {} },
      more: {
        'find by a value': { where: 'payload.value = 7 and payload.unit != "kWh"', include: 'body' },
        'find rejected receipts of a range': { where: 'outcome == REJECTED', start_time: at(5), end_time: at(30) },
        'find as of a time': { where: 'source.startsWith("pl") and has(payload.unit)', as_of: at(22) },
      },
    },
    compare: {
      paged: { 'compare receipts with a unit with the others': { a: 'has(payload.unit)' } },
      more: {
        'compare rejected receipts with the others': { a: 'outcome = REJECTED', end_time: at(60) },
        'compare two ranges': { start_time: at(24), end_time: at(48), b_from: at(0), b_to: at(24), depth: 3 },
        'compare means as of a time': {
          a: 'payload.unit = kWh',
          end_time: at(22),
          as_of: at(22),
          measure: 'mean',
          of: 'payload.value',
        },
      },
    },
    schema: {
      paged: { schema: {} },
      more: {
        'schema with drift': { drift_from: at(20), json_schema: true },
        'schema of a type as of a time': { event_type: 'meter.read', start_time: at(3), as_of: at(22) },
      },
    },
    failures: {
      paged: { failures: { by: ['event_type', 'hour'] } },
      more: {
        'failures of a range': { by: ['source'], start_time: at(5) },
        'failures as of a time': { as_of: at(22) },
      },
    },
    gaps: {
      paged: {
        'gaps by receive time': { ...hourly, basis: 'received' },
        'gaps of a metric, of two days': { ...day, end_time: at(48) },
      },
      more: {
        gaps: hourly,
        'gaps by receive time, as of a time': { ...hourly, basis: 'received', as_of: at(22) },
        'gaps of a learned cadence, live only': { by: ['event_type'] },
        'gaps of an entity': { ...hourly, entity_id: 'meter' },
        'gaps of a metric': { ...day, include_imported: true, grain: 'day', end_time: at(24) },
      },
    },
  };
}
