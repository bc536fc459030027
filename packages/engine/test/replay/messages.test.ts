import { countOf, defineAggregate } from '@pik/aggregates';
import { KitError, type ReplayMessage } from '@pik/schema';
import { createMemoryBackend, createTestClock } from '@pik/testkit';
import { beforeEach, describe, expect, it } from 'vitest';

import { createPipeline } from '../../src/api/create-pipeline.ts';
import {
  Interrupted,
  originOf,
  readMessage,
  recomputeWindows,
  targetOf,
  WindowsFailed,
} from '../../src/replay/recompute-windows.ts';
import { type Context, createContext } from '../../src/runtime/context.ts';

// One message: how it is read, and the result of each window that it names.

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 10);
const REPLAY = '01890a5d-ac96-774b-bcce-b302099a8057';

const message = (rest: Partial<ReplayMessage> = {}): string =>
  JSON.stringify({
    kind: 'replay',
    message_id: 'm',
    replay_id: REPLAY,
    as_of: new Date(NOW).toISOString(),
    events: [],
    recompute: [],
    ...rest,
  });

const window = (day: number, rest: Partial<ReplayMessage['recompute'][number]> = {}) => ({
  metric: 'things',
  key: 'app',
  window_start: new Date(NOW - day * DAY).toISOString(),
  ...rest,
});

const faultOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error as KitError;
  }
  throw new Error('nothing was thrown');
};

describe('a message that cannot be read', () => {
  it('because it is not JSON has the error of the parser', () => {
    const fault = faultOf(() => readMessage('{"kind":'));
    expect([KitError.is(fault), fault.code, fault.message]).toEqual([
      true,
      'MESSAGE_INVALID',
      'the message is not JSON',
    ]);
    expect(fault.cause).toBeInstanceOf(SyntaxError);
  });

  it('because it has another form has the path and the fault', () => {
    const { code, message: text } = faultOf(() => readMessage(message({ events: [{ event_id: 1 }] as never })));
    expect([code, text]).toEqual([
      'MESSAGE_INVALID',
      expect.stringMatching(/^not a replay message: events\/0\/\w+ \S+/),
    ]);
    expect(faultOf(() => readMessage('null')).message).toMatch(/^not a replay message: {2}?\S+/);
  });

  it('has no origin; any other message has its replay and request as origin', () => {
    expect(originOf('{')).toEqual({ replay_id: null, request_id: null });
    expect(originOf(message())).toEqual({ replay_id: REPLAY, request_id: null });
    expect(originOf(message({ request_id: 'r' }))).toEqual({ replay_id: REPLAY, request_id: 'r' });
  });

  it('because a time is invalid names it', () => {
    const { code, message: text, path } = faultOf(() => targetOf(window(1, { window_start: 'noon' })));
    expect([code, text, path]).toEqual(['MESSAGE_INVALID', 'window_start is not a valid time', '/recompute']);
    expect(targetOf(window(1))).toEqual({ metric: 'things', key: 'app', window_start_ms: NOW - DAY });
  });
});

describe('the windows of a message', () => {
  let context: Context;
  beforeEach(async () => {
    const things = defineAggregate({
      metric: 'things',
      definition_version: 1,
      group_by: 'source',
      window: 'day',
      time_zone: 'UTC',
      ...countOf(),
    });
    const backend = createMemoryBackend(createTestClock(NOW));
    const options = { backend, aggregates: [things] };
    context = createContext(options);
    const records = [1, 2, 3].map((day) => ({
      source: 'app',
      event_type: 'thing',
      entity_id: 'e',
      event_time: new Date(NOW - day * DAY).toISOString(),
      payload: { day },
    }));
    await createPipeline(options).ingest({
      body: new TextEncoder().encode(JSON.stringify(records)),
      format: 'json',
      mode: 'live',
      receivedMs: NOW,
      requestId: 'r',
      principal: null,
      dryRun: false,
    });
    const windows = [1, 2, 3].map((day) => ({ metric: 'things', key: 'app', window_start_ms: NOW - day * DAY }));
    await context.backend.replays.create({
      replay_id: REPLAY,
      requested_ms: NOW,
      requested_by: null,
      request_id: 'r',
      reason: null,
      selection: {} as never,
      as_of_ms: NOW,
      limit: 1,
    });
    await context.backend.replays.addWindows(REPLAY, windows);
  });

  const versionOf = async (day: number) =>
    (await context.backend.aggregates.getLatest({ metric: 'things', key: 'app', window_start_ms: NOW - day * DAY }))
      ?.version ?? null;

  it('are counted, and each is computed once for a replay', async () => {
    const body = message({ recompute: [window(1), window(2)] });
    expect(await recomputeWindows(context, body)).toBe(2);
    expect([await versionOf(1), await versionOf(2), await versionOf(3)]).toEqual([1, 1, null]);
    // A second delivery: windows with a stored result are not computed again, even if their inputs have changed.
    let reads = 0;
    const { aggregates } = context.backend;
    const getLatest: typeof aggregates.getLatest = (target) => {
      reads += 1;
      return aggregates.getLatest(target);
    };
    const watched = { ...context, backend: { ...context.backend, aggregates: { ...aggregates, getLatest } } };
    expect(await recomputeWindows(watched, body)).toBe(2);
    expect(reads).toBe(0);
    expect(await recomputeWindows(watched, message({ recompute: [window(3)] }))).toBe(1);
    expect(reads).toBeGreaterThan(0);
  });

  it('that fail are reported in the order of the message; the others are computed', async () => {
    const recompute = [window(3, { metric: 'none' }), window(1), window(2, { metric: 'nothing' }), window(2)];
    const failure = (await recomputeWindows(context, message({ recompute })).catch(
      (error: unknown) => error,
    )) as WindowsFailed;
    expect(failure).toBeInstanceOf(WindowsFailed);
    expect([failure.name, failure.message]).toEqual(['WindowsFailed', '2 windows failed']);
    expect(failure.windows.map(({ target, error }) => [target.metric, (error as KitError).code])).toEqual([
      ['none', 'METRIC_UNKNOWN'],
      ['nothing', 'METRIC_UNKNOWN'],
    ]);
    expect([await versionOf(1), await versionOf(2)]).toEqual([1, 1]);
  });

  it('that were not begun when the process had to stop are left for the next delivery', async () => {
    let begun = 0;
    const isStopping = () => {
      begun += 1;
      return begun > 1;
    };
    const body = message({ recompute: [window(1), window(2), window(3)] });
    const stopped = (await recomputeWindows(context, body, { isStopping }).catch(
      (error: unknown) => error,
    )) as Interrupted;
    expect(stopped).toBeInstanceOf(Interrupted);
    expect([stopped.name, stopped.message]).toEqual(['Interrupted', '2 windows were not begun']);
    expect([await versionOf(1), await versionOf(2), await versionOf(3)]).toEqual([1, null, null]);
  });

  it('are not read if the time of the message is invalid', async () => {
    const fault = (await recomputeWindows(context, message({ as_of: 'now' })).catch(
      (error: unknown) => error,
    )) as KitError;
    expect([fault.code, fault.message, fault.path]).toEqual(['MESSAGE_INVALID', 'as_of is not a valid time', '/as_of']);
  });
});
