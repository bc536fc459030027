import { setImmediate } from 'node:timers/promises';
import type { IngestAnswer, IngestRequest, Pipeline } from '@pik/engine';
import { readQuery } from '@pik/engine/internals';
import { type IngestResult, KitError, ROUTES } from '@pik/schema';
import { leastAnswer } from './least-answer.ts';

/** A pipeline with fixed answers that records its calls. */
export interface FakePipeline extends Pipeline {
  /** Method name and first argument of each call, in order. */
  readonly calls: [name: string, argument: unknown][];
}

/** Creates a fake for tests of code that calls a pipeline. `overrides` replace single methods. */
export function createFakePipeline(overrides: Partial<Pipeline> = {}): FakePipeline {
  const calls: FakePipeline['calls'] = [];
  const pipeline: Pipeline = {
    ready: async () => {},
    ingest: async (request) => acceptAll(request),
    sweep: async () => ({
      packs_listed: 0,
      packs_admitted: 0,
      receipts_admitted: 0,
      packs_unreadable: 0,
      packs_pending: 0,
    }),
    compact: async () => ({
      hours_closed: 0,
      hours_revised: 0,
      hours_waiting: 0,
      packs: 0,
      receipts: 0,
      lag_ms: 0,
    }),
    clockFault: () => null,
    latestReceivedMs: () => null,
    questionFacts: async () => ({ nowMs: Date.now(), oldestInFlightMs: Number.POSITIVE_INFINITY, clockSteps: [] }),
    async ask(name, given) {
      readQuery(ROUTES[name], given, { nowMs: Date.now(), timeZone: 'UTC' });
      return leastAnswer(ROUTES[name]);
    },
    lines: () => endOfLines(),
    listen: () => null,
    hangUp: () => {},
    timeline: async () => ({ events: [], as_of: '', next_cursor: null }),
    rawEvents: () => endOfLines(),
    receipt: async () => {
      throw new KitError('RECEIPT_UNKNOWN');
    },
    explainEvent: async () => ({
      found: false,
      summary: '',
      as_of: '',
      event: null,
      outcome: null,
      rule: null,
      lateness: null,
      deliveries: [],
      deliveries_cut: false,
      bytes: null,
      versions: [],
      replays: [],
      findings: [],
    }),
    rejects: async () => ({ rejects: [], next_cursor: null }),
    reingest: async () => ({ results: [] }),
    verify: async () => ({
      part: 'index',
      packs: 0,
      receipts: 0,
      versions: 0,
      counts: {},
      faults: [],
      digest: '',
      next_cursor: null,
    }),
    arriving: () => () => {},
    computeAggregate: async () => {
      throw new KitError('METRIC_UNKNOWN');
    },
    versions: async () => ({ versions: [], next_cursor: null }),
    explainChange: async () => {
      throw new KitError('VERSION_UNKNOWN');
    },
    replay: async () => {
      throw new KitError('REPLAY_UNKNOWN');
    },
    planReplay: async () => {
      throw new KitError('REQUEST_INVALID');
    },
    getReplay: async () => {
      throw new KitError('REPLAY_UNKNOWN');
    },
    listReplays: async () => ({ replays: [], next_cursor: null }),
    cancelReplay: async () => {
      throw new KitError('REPLAY_UNKNOWN');
    },
    listDeadLetters: async () => ({ dead_letters: [], next_cursor: null }),
    redrive: async () => 0,
    muteMonitor: async () => {
      throw new KitError('MONITOR_UNKNOWN');
    },
    unmuteMonitor: async () => {
      throw new KitError('MONITOR_UNKNOWN');
    },
    work: async () => 'IDLE',
    process: async () => 'DONE',
    close: async () => {},
    ...overrides,
  };
  return Object.assign(recorded(pipeline, calls), { calls });
}

function recorded(pipeline: Pipeline, calls: FakePipeline['calls']): Pipeline {
  return new Proxy(pipeline, {
    get: (target, name, receiver) => {
      const method = Reflect.get(target, name, receiver);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => {
        // A helper of other calls, of no interest to tests.
        if (name !== 'clockFault') calls.push([String(name), args[0]]);
        return method(...args);
      };
    },
  });
}

const NEWLINE = 0x0a;

/** One ACCEPTED per line, or one for a JSON body. */
async function acceptAll({ body, format }: IngestRequest): Promise<IngestAnswer> {
  await setImmediate();
  const count = format === 'json' ? 1 : body.reduce((lines, byte) => (byte === NEWLINE ? lines + 1 : lines), 0);
  const results = Array.from(
    { length: count },
    (_, line): IngestResult => ({
      event_id: 'c9v2s3g5h7j1k4m6n8p0q2r4s6t8u0v2a4b6c8d0e2f4g6h',
      status: 'ACCEPTED',
      lag_ms: 1_234,
      raw_key: 'raw/v1/stored_date=2025-12-29/stored_hour=23/0199b2a0-0000-7000-8000-000000000000.ndjson.gz',
      line,
    }),
  );
  return { results, counts: { ACCEPTED: count }, single: format === 'json', unreadable: false };
}

async function* endOfLines(): AsyncIterable<string> {
  yield '{"end":true,"count":0,"next_cursor":null}\n';
}
