import { createPipeline, type Pipeline } from '@pik/engine';
import { QUESTION_NAMES, type QuestionName, type SelectionOf } from '@pik/schema';
import { expect, it } from 'vitest';
import { CONTRACT_AGGREGATES } from '../http-contract/contract-aggregates.ts';
import { createMemoryBackend } from '../memory-backend.ts';
import { HOUR, live } from './life.ts';
import { contractQuestions, waysOf } from './questions.ts';
import type { World } from './world.ts';

// The same operations answer questions over every backend, so each backend must give the same answers as a backend in memory
// that got the same requests. The random part of ids, which differs by nature, is left out.

type Question = (pipeline: Pipeline) => Promise<unknown>;

function questions(startMs: number): Record<string, Question> {
  const value = { metric: 'contract_fragile', key: 'meter', window_start: new Date(startMs - 19 * HOUR).toISOString() };
  const day = { metric: 'daily_event_count', key: 'meter', window_start: new Date(startMs).toISOString() };
  const NOW = { kind: 'NOW' } as const;
  const at = (hour: number) => ({ kind: 'AS_OF', asOfMs: startMs + hour * HOUR }) as const;
  const event_time = (hour: number) => new Date(startMs + hour * HOUR + 60_000).toISOString();
  return {
    ...declaredQuestions(startMs),
    'why a value changed between two times': (p) => p.explainChange({ ...day, from: at(9), to: at(36), limit: 50 }),
    'why a value changed since its version': (p) =>
      p.explainChange({ ...day, from: { kind: 'VERSION', version: 1 }, to: NOW, limit: 50 }),
    'why a value by local days changed': (p) => p.explainChange({ ...value, from: at(4), to: NOW, limit: 5 }),
    'an event that was repeated': (p) =>
      p.explainEvent({ source: 'plant', event_type: 'meter.read', entity_id: 'meter', key: 'k5' }, { asOfMs: null }),
    'an event that lost a conflict': (p) =>
      p.explainEvent({ entity_id: 'meter', event_time: event_time(21) }, { asOfMs: null }),
    'events that are not there': async (p) => [
      await p.explainEvent({ entity_id: 'meter', event_time: event_time(10) }, { asOfMs: null }),
      await p.explainEvent({ entity_id: 'meter', event_time: event_time(15) }, { asOfMs: null }),
      await p.explainEvent({ entity_id: 'nobody', event_time: event_time(15) }, { asOfMs: startMs + 22 * HOUR }),
    ],
    'raw events with further receipts': readRaw,
  };
}

/** All declared questions with all their selections. */
function declaredQuestions(startMs: number): Record<string, Question> {
  const asked = contractQuestions(startMs);
  const ways = <N extends QuestionName>(name: N): [string, Question][] =>
    waysOf<SelectionOf<N>>(asked[name]).map(([way, selection]) => [way, (pipeline) => pipeline.ask(name, selection)]);
  return Object.fromEntries(QUESTION_NAMES.flatMap((name) => ways(name)));
}

/** All raw events of an entity, page by page; each backend has its own page size. */
async function readRaw(pipeline: Pipeline): Promise<unknown[]> {
  const events: unknown[] = [];
  let cursor: string | null = null;
  do {
    const query = { entity_id: 'meter', start_time: null, end_time: null, asOfMs: null, limit: 100, cursor };
    cursor = null;
    for await (const line of pipeline.rawEvents(query, { deliveries: true })) {
      const value = JSON.parse(line) as { end?: true; next_cursor: string | null };
      if (value.end === true) cursor = value.next_cursor;
      else events.push(value);
    }
  } while (cursor !== null);
  return events;
}

/** An answer without the random part of generated ids, which differs between two runs; their time stays. */
function lasting(answer: unknown): unknown {
  const text = JSON.stringify(answer).replace(/([0-9a-f]{8}-[0-9a-f]{4}-7)[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, '$1');
  return JSON.parse(text) as unknown;
}

/** Every question gets the same answer as from a backend in memory. */
export function investigationContract(world: () => World): void {
  it('answers every question like a backend in memory with the same history', async () => {
    const { opened, backend } = world();
    const { clock } = opened;
    // At midnight, so that days of UTC and of the zone of a metric lie as the questions expect.
    const startMs = Math.ceil(clock.ms / (24 * HOUR)) * 24 * HOUR;
    const aggregates = CONTRACT_AGGREGATES;
    const ours = createPipeline({ backend, aggregates });
    const reference = createPipeline({ backend: createMemoryBackend(clock), aggregates });
    try {
      await live(clock, { startMs, pipelines: [ours, reference], settle: opened.settle });
      for (const [name, ask] of Object.entries(questions(startMs)))
        expect([name, lasting(await ask(ours))]).toEqual([name, lasting(await ask(reference))]);
    } finally {
      await reference.close();
    }
  });
}
