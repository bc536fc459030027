import { countOf, defineAggregate } from '@pik/aggregates';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { describe, expect, it } from 'vitest';
import { listSource } from '../../src/aggregates/input-source.ts';
import type { WindowInput } from '../../src/aggregates/rules/window-input.ts';
import { streamedInputs } from '../../src/aggregates/streamed-inputs.ts';
import { ingest } from '../../src/ingest/ingest.ts';
import { type Budget, createBudget } from '../../src/runtime/budget.ts';
import { createContext } from '../../src/runtime/context.ts';

const NEVER_MS = 1e9;
const START = Date.UTC(2026, 0, 5);

describe('the parts of a window', () => {
  const aggregate = countOnly();
  const question = { aggregate, key: 'all', window: aggregate.windows.at(START), asOfMs: START + 1e9 };

  /** The inputs read, one part after the other. */
  async function partsRead(budget: Budget, group: 'slices' | 'list') {
    const clock = createTestClock(START);
    const context = { ...createContext({ backend: createMemoryBackend(clock) }), budget };
    const events = Array.from({ length: 60 }, (_, n) => ({
      ...{ source: 'app', event_type: 'seen', entity_id: 'e', payload: { n } },
      event_time: new Date(START + n * 1_000).toISOString(),
    }));
    const body = new TextEncoder().encode(JSON.stringify(events));
    const request = { format: 'json', mode: 'live', requestId: 'r', principal: null, dryRun: false } as const;
    await ingest(context, { body, receivedMs: clock.now(), ...request });
    const list = Array.from({ length: 60_000 }, () => ({}) as WindowInput);
    const parts =
      group === 'list'
        ? listSource(list, budget).parts()
        : streamedInputs(context, question, { heldMax: 20, partMax: 10 });
    let read = 0;
    for await (const part of parts) {
      read += part.length > 0 ? 1 : 0;
      budget.read(1);
    }
    return read;
  }

  it.each(['slices', 'list'] as const)('of %s stop when the budget is exhausted', async (group) => {
    expect(await partsRead(createBudget({ whole: true, timeMs: NEVER_MS }), group)).toBeGreaterThan(2);
    const budget = createBudget({ whole: true, timeMs: NEVER_MS, readMax: 2 });
    await expect(partsRead(budget, group)).rejects.toMatchObject({ code: 'BUDGET_EXCEEDED' });
  });
});

function countOnly() {
  return defineAggregate({
    ...{ metric: 'all_of_it', definition_version: 1, group_by: 'all', window: 'day', time_zone: 'UTC' },
    ...{ reads_payload: false },
    ...countOf(),
  });
}
