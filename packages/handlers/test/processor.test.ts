import type { Backend } from '@pik/engine';
import { KitError, LIMITS, packStoredMs, SCOPES } from '@pik/schema';
import {
  createFaultyBackend,
  createMemoryBackend,
  createTestClock,
  type MemoryBackend,
  type TestClock,
} from '@pik/testkit';
import { captureLines, keyOf, setupOver } from '@pik/testkit/fixtures/functions/functions';
import { invocation, openGateway } from '@pik/testkit/fixtures/functions/gateway';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QueueEvent, QueueFunction } from '../src/processor.ts';
import { open as openProcessor } from '../src/processor.ts';
import { open as openSweeper } from '../src/sweeper.ts';

// Q5, Q4, G14: what the function answers decides which messages the queue deletes. Nothing, or an unknown id, would delete
// all of them or none.

let clock: TestClock;
let backend: MemoryBackend;
let captured: ReturnType<typeof captureLines>;
beforeEach(() => {
  clock = createTestClock();
  backend = createMemoryBackend(clock);
  captured = captureLines();
});
afterEach(async () => {
  captured.stop();
  await backend.close();
});

const everything = keyOf([...SCOPES]);

const event = (day: number) => ({
  source: 's',
  event_type: 't',
  entity_id: 'e',
  event_time: `2025-12-${day}T10:00:00Z`,
  payload: {},
});

function post(path: string, body: unknown): Request {
  const headers = { authorization: `Bearer ${everything}`, 'content-type': 'application/json' };
  return new Request(`https://api.test${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** Sends two events of two days and replays them; returns the request that asked for it. */
async function replayed(): Promise<{ requestId: string; replayId: string }> {
  const gateway = await openGateway(setupOver(backend), { now: () => clock.ms });
  await gateway.fetch(post('/ingest', [event(28), event(29)]));
  clock.ms += 60_000;
  const range = { start_time: '2025-12-01T00:00:00Z', end_time: '2026-01-01T00:00:00Z' };
  const response = await gateway.fetch(post('/replay', { entity_id: 'e', ...range }));
  const { replay_id } = (await response.json()) as { replay_id: string };
  return { requestId: response.headers.get('x-request-id') ?? '', replayId: replay_id };
}

/** Takes the messages in the queue, as the event source mapping would. */
async function take(): Promise<QueueEvent> {
  const messages = await backend.queue.receive({ max: 10, visibilityMs: 60_000 });
  return {
    Records: messages.map(({ message_id, receipt, body, receives }) => ({
      messageId: message_id,
      receiptHandle: receipt,
      body,
      attributes: { ApproximateReceiveCount: String(receives) },
      messageAttributes: {},
    })),
  };
}

const run = (processor: QueueFunction, event: QueueEvent, remainingMs?: number) =>
  processor(event, invocation('processor', remainingMs));
const idsOf = ({ batchItemFailures }: Awaited<ReturnType<QueueFunction>>) =>
  batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);

it('an event that is not from the queue is refused with a hint how to connect the function', async () => {
  const processor = await openProcessor(setupOver(backend));
  const foreign = [
    { key1: 'value1' },
    { Records: [{ EventSource: 'aws:sns', Sns: {} }] },
    { Records: null },
    { Records: [null] },
    // Written by hand, for a test.
    { Records: [{ messageId: 'm', receiptHandle: 'h', body: '{}' }] },
  ];
  for (const event of foreign)
    await expect(processor(event as never, invocation('processor'))).rejects.toThrow('the queue of replay messages');
});

describe('Q5: the processor', () => {
  it('returns an empty list if all messages are done, or there are none', async () => {
    await replayed();
    const processor = await openProcessor(setupOver(backend));
    expect(await run(processor, await take())).toEqual({ batchItemFailures: [] });
    expect(await run(processor, { Records: [] })).toEqual({ batchItemFailures: [] });
    expect((await backend.aggregates.listVersions({ limit: 10 })).items).toHaveLength(2);
  });

  it('Q6, G14: names exactly the messages that failed; the others are done', async () => {
    await replayed();
    await backend.queue.send([
      { message_id: 'not-json', body: 'x' },
      { message_id: 'no-replay', body: '{}' },
    ]);
    const processor = await openProcessor(setupOver(backend));
    const event = await take();
    expect(event.Records).toHaveLength(3);
    expect(idsOf(await run(processor, event)).sort()).toEqual(['no-replay', 'not-json']);
    expect((await backend.aggregates.listVersions({ limit: 10 })).items).toHaveLength(2);
  });

  it.each([
    ['an empty body', '', {}],
    ['what another queue wrote', '{"key":"value"}', {}],
    ['a notification of SNS', '{"Type":"Notification","Message":"{}"}', {}],
    ['a list', '[]', {}],
    ['attributes of a FIFO queue', '{}', { MessageGroupId: 'g', SequenceNumber: '1' }],
    ['more deliveries than the queue allows', 'x', { ApproximateReceiveCount: '6' }],
  ])('names a message with %s, and does the others', async (_, body, attributes) => {
    await replayed();
    const processor = await openProcessor(setupOver(backend));
    const { Records } = await take();
    const strange = {
      messageId: 'strange',
      receiptHandle: 'of nobody',
      body,
      attributes: { ApproximateReceiveCount: '1', ...attributes },
      messageAttributes: {},
    };
    // Twice, as a mapping may hand it over.
    expect(idsOf(await run(processor, { Records: [strange, ...Records, strange] }))).toEqual(['strange', 'strange']);
    expect((await backend.aggregates.listVersions({ limit: 10 })).items).toHaveLength(2);
  });

  it('Q4: a message that failed in its last delivery becomes a dead letter with its reason, and is not named', async () => {
    await backend.queue.send([{ message_id: 'poison', body: '{}' }]);
    const processor = await openProcessor(setupOver(backend));
    for (let receives = 1; receives < LIMITS.message_receives_max; receives++) {
      expect(idsOf(await run(processor, await take()))).toEqual(['poison']);
      clock.ms += 600_001;
    }
    expect(idsOf(await run(processor, await take()))).toEqual([]);
    expect((await backend.queue.listDead({ limit: 10 })).items).toMatchObject([
      { message_id: 'poison', code: 'MESSAGE_INVALID', receives: LIMITS.message_receives_max },
    ]);
  });

  it('Q3: a message whose receipt is no longer valid is named, so that a later delivery is not deleted', async () => {
    await backend.queue.send([{ message_id: 'slow', body: '{}' }]);
    const processor = await openProcessor(setupOver(backend));
    const late = await take();
    clock.ms += 61_000;
    await take();
    expect(idsOf(await run(processor, late))).toEqual(['slow']);
  });

  it('rejects while a store is down, so that the whole batch is delivered again', async () => {
    await replayed();
    const down: Backend = {
      ...backend,
      index: { ...backend.index, ping: () => Promise.reject(new KitError('INDEX_UNAVAILABLE')) },
    };
    const processor = await openProcessor(setupOver(down));
    await expect(run(processor, await take())).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE' });
  });

  it('names a message that could not be returned to the queue', async () => {
    await backend.queue.send([{ message_id: 'poison', body: '{}' }]);
    const queue = { ...backend.queue, fail: () => Promise.reject(new KitError('STORE_UNAVAILABLE')) };
    const processor = await openProcessor(setupOver({ ...backend, queue }));
    expect(idsOf(await run(processor, await take()))).toEqual(['poison']);
  });

  it('L1: names a message that it does not begin for lack of time', async () => {
    await replayed();
    const processor = await openProcessor(setupOver(backend));
    const event = await take();
    expect(idsOf(await run(processor, event, 5_000))).toEqual(event.Records.map(({ messageId }) => messageId));
    expect((await backend.aggregates.listVersions({ limit: 10 })).items).toEqual([]);
  });

  it('Q1: the same message again, or at the same time, changes nothing', async () => {
    await replayed();
    const processor = await openProcessor(setupOver(backend));
    const other = await openProcessor(setupOver(backend));
    const event = await take();
    const answers = await Promise.all([run(processor, event), run(other, event), run(processor, event)]);
    expect(answers).toEqual(Array(3).fill({ batchItemFailures: [] }));
    expect((await backend.aggregates.listVersions({ limit: 10 })).items.map(({ version }) => version)).toEqual([1, 1]);
  });

  it('D49: the request that asked for a replay, its record and the line of the processor name each other', async () => {
    const { requestId, replayId } = await replayed();
    expect((await backend.replays.get(replayId))?.request_id).toBe(requestId);
    await run(await openProcessor(setupOver(backend)), await take());
    expect(captured.lines().filter((line) => line.event === 'message')).toEqual([
      expect.objectContaining({
        function: 'processor',
        replay_id: replayId,
        request_id: requestId,
        receives: 1,
        windows: 2,
        result: 'DONE',
      }),
    ]);
    const [metrics] = captured.lines().filter((line) => 'ProcessorMessageCount' in line);
    expect(metrics).toMatchObject({ service: 'kit', ProcessorMessageCount: 1, AggregateVersionCount: 2 });
  });
});

describe('G21: the sweeper', () => {
  it('L1: ends before it times out, and continues from there in the next run', async () => {
    const gateway = await openGateway(setupOver(backend), { now: () => clock.ms });
    for (let n = 0; n < 6; n++) {
      await gateway.fetch(post('/ingest', { ...event(28), payload: { n } }));
      clock.ms += 115_000;
    }
    // Two packs to a page, and time for three of them in each run.
    const packs = [...backend.packs.keys()].sort();
    const list = async ({ fromMs, toMs, cursor }: { fromMs: number; toMs: number; cursor?: string | null }) => {
      const ids = packs.filter((id) => packStoredMs(id) >= fromMs && packStoredMs(id) < toMs && id > (cursor ?? ''));
      return { items: ids.slice(0, 2), next: ids.length > 2 ? (ids[1] as string) : null };
    };
    const asked: string[] = [];
    const getPack = (packId: string) => {
      asked.push(packId);
      return backend.index.getPack(packId);
    };
    const paged = { ...backend, rawLog: { ...backend.rawLog, list }, index: { ...backend.index, getPack } };
    const runOnce = async () => {
      const sweeper = await openSweeper(setupOver(paged));
      let left = 3;
      await sweeper({}, { ...invocation('sweeper'), getRemainingTimeInMillis: () => (left-- > 0 ? 60_000 : 0) });
    };
    await runOnce();
    // The rows of a page are read together: that of the fourth pack too, which is left to the next run.
    expect(asked).toEqual(packs.slice(0, 4));
    // The second page was not done; what comes after the first is looked at again, less the look back.
    expect(await backend.index.getMark('swept_until_ms')).toBe(packStoredMs(packs[1] as string));
    for (let run = 2; run <= 4; run++) await runOnce();
    expect(asked).toEqual([0, 1, 2, 3, 1, 2, 3, 4, 2, 3, 4, 5, 3, 4, 5].map((n) => packs[n]));
  });

  it('admits packs that a crash left behind, once they are older than any request can be', async () => {
    // After the ping and the append.
    const dying = createFaultyBackend(backend, [{ call: 3, kind: 'crash-before' }]);
    const gateway = await openGateway(setupOver(dying), { now: () => clock.ms });
    expect((await gateway.fetch(post('/ingest', event(28)))).status).toBe(500);
    const sweeper = await openSweeper(setupOver(backend));
    expect(await sweeper({}, invocation('sweeper'))).toMatchObject({ packs_admitted: 0 });
    clock.ms += 110_001;
    expect(await sweeper({}, invocation('sweeper'))).toMatchObject({ packs_admitted: 1, receipts_admitted: 1 });
    expect(await sweeper({}, invocation('sweeper'))).toMatchObject({ packs_admitted: 0 });
  });
});
