import type { QueuedMessage } from '@pik/engine';
import { LIMITS } from '@pik/schema';
import { expect, it } from 'vitest';
import { grainMs, ODD_TEXTS, pass, type World } from './world.ts';

const FAILURE = { code: 'AGGREGATE_FAILED', detail: 'a function threw' };
/** Number of empty receives before a queue counts as empty: one of many servers may answer for its own part only. */
const ASKED_MAX = 20;
/** Messages per receive: the maximum of SQS. */
const AT_ONCE = 10;

/** Takes `count` messages, however few the queue returns per receive. */
export async function take(
  { backend: { queue } }: World,
  { count = 1, visibilityMs }: { count?: number; visibilityMs: number },
): Promise<QueuedMessage[]> {
  const taken: QueuedMessage[] = [];
  for (let asked = 0; taken.length < count && asked < ASKED_MAX; asked++)
    taken.push(...(await queue.receive({ max: Math.min(AT_ONCE, count - taken.length), visibilityMs })));
  expect(taken).toHaveLength(count);
  return taken;
}

/** Takes the only message of the queue. */
export async function takeOne(world: World, visibilityMs: number): Promise<QueuedMessage> {
  return (await take(world, { visibilityMs }))[0] as QueuedMessage;
}

/** Expects that the queue returns nothing. */
export async function expectNone({ backend: { queue } }: World): Promise<void> {
  for (let asked = 0; asked < 3; asked++)
    expect(await queue.receive({ max: AT_ONCE, visibilityMs: 60_000 })).toEqual([]);
}

const message = (message_id = 'one', body = `{"message":"${message_id}"}`) => ({ message_id, body });
const messages = (count: number) => Array.from({ length: count }, (_, i) => message(`replay.first.${i}`));
const bodies = (held: readonly { message_id: string; body: string }[]) =>
  Object.fromEntries(held.map(({ message_id, body }) => [message_id, body]));

/** Tests of messages in the queue. */
export function queueContract(world: () => World): void {
  sendContract(world);
  visibilityContract(world);
  receiptContract(world);
}

function sendContract(world: () => World): void {
  it('Q12, G11: messages are delivered byte for byte, up to the largest body, in batches of any size', async () => {
    const empty = '{"fill":""}'.length;
    // U+FFFE and U+FFFF are valid in JSON, but SQS does not accept them.
    const odd = [
      ...ODD_TEXTS,
      '\ufffe\uffff',
      '\u2028\u2029',
      'tab\t line\n return\r null\u0000 delete\u007f',
      '<&]]>',
    ];
    const texts = [
      ...odd.map((text) => JSON.stringify({ text })),
      JSON.stringify({ fill: 'x'.repeat(LIMITS.message_bytes_max - empty) }),
      JSON.stringify({ fill: `${'\u00e9'.repeat((LIMITS.message_bytes_max - empty - 1) / 2)}x` }),
      ...Array.from({ length: 10 }, (_, i) =>
        JSON.stringify({ fill: `${i}`.repeat(LIMITS.message_bytes_max - empty) }),
      ),
      '{}',
    ];
    const sent = texts.map((body, i) => message(`${i}`, body));
    expect(Math.max(...texts.map((body) => Buffer.byteLength(body)))).toBe(LIMITS.message_bytes_max);
    await world().backend.queue.send(sent);
    await world().backend.queue.send([]);
    const visibilityMs = 8 * grainMs(world());
    const taken = await take(world(), { count: sent.length, visibilityMs });
    expect(bodies(taken)).toEqual(bodies(sent));
    for (const { receives } of taken) expect(receives).toBe(1);
    for (const { receipt } of taken) await world().backend.queue.delete(receipt);
    await pass(world(), visibilityMs);
    await expectNone(world());
  });

  it('a receive returns at most the requested number of messages', async () => {
    const { queue } = world().backend;
    await queue.send(messages(12));
    for (const max of [1, 3, 100]) {
      const taken = await queue.receive({ max, visibilityMs: 60_000 });
      expect(taken.length).toBeLessThanOrEqual(max);
    }
  });

  it('D12: a message with the id of a waiting one is stored once or twice, and never lost', async () => {
    const { queue } = world().backend;
    const visibilityMs = 8 * grainMs(world());
    await queue.send([message('a'), message('b')]);
    await Promise.all([queue.send([message('a')]), queue.send([message('a'), message('c')])]);
    const taken = new Map<string, QueuedMessage>();
    for (let asked = 0; asked < ASKED_MAX; asked++)
      for (const held of await queue.receive({ max: AT_ONCE, visibilityMs })) taken.set(held.receipt, held);
    expect(bodies([...taken.values()])).toEqual(bodies([message('a'), message('b'), message('c')]));
    for (const { receipt } of taken.values()) await queue.delete(receipt);
    await pass(world(), visibilityMs);
    await expectNone(world());
    // Its id is not remembered: the same id may be sent again.
    await queue.send([message('a')]);
    expect(await takeOne(world(), visibilityMs)).toMatchObject({ ...message('a'), receives: 1 });
  });

  it('messages that were sent, and those that were taken, survive a restart', async () => {
    const visibilityMs = 4 * grainMs(world());
    await world().backend.queue.send(messages(3));
    const held = await takeOne(world(), visibilityMs);
    await world().reopen();
    // A queue of one process may know that nobody works on the message any more; every other hides it until its time has passed.
    await pass(world(), visibilityMs);
    const taken = await take(world(), { count: 3, visibilityMs: 60_000 });
    expect(bodies(taken)).toEqual(bodies(messages(3)));
    for (const { message_id, receives } of taken) expect(receives).toBe(message_id === held.message_id ? 2 : 1);
    await expectNone(world());
  });
}

function visibilityContract(world: () => World): void {
  it('Q1, Q3: a message that was taken is hidden until its time has passed, and counts its deliveries', async () => {
    const grain = grainMs(world());
    await world().backend.queue.send([message()]);
    const receipts = new Set<string>();
    for (let receives = 1; receives <= 3; receives++) {
      const held = await takeOne(world(), 4 * grain);
      expect(held).toMatchObject({ ...message(), receives });
      receipts.add(held.receipt);
      await expectNone(world());
      await pass(world(), 3 * grain);
      await expectNone(world());
      await pass(world(), grain);
    }
    expect(receipts.size).toBe(3);
  });

  it('no two consumers hold one message at a time', async () => {
    const { queue } = world().backend;
    await queue.send(messages(30));
    const consume = async () => {
      const held: QueuedMessage[] = [];
      for (let empty = 0; empty < 5; ) {
        const taken = await queue.receive({ max: 3, visibilityMs: 60_000 });
        empty = taken.length === 0 ? empty + 1 : 0;
        held.push(...taken);
      }
      return held;
    };
    const held = (await Promise.all([consume(), consume(), consume(), consume()])).flat();
    expect(held.map(({ message_id }) => message_id).sort()).toEqual(
      messages(30)
        .map(({ message_id }) => message_id)
        .sort(),
    );
    expect(new Set(held.map(({ receipt }) => receipt)).size).toBe(30);
  });

  it('Q3: a message can be kept for longer, counted from when that was asked', async () => {
    const grain = grainMs(world());
    await world().backend.queue.send([message()]);
    const { receipt } = await takeOne(world(), 4 * grain);
    await pass(world(), 3 * grain);
    expect(await world().backend.queue.extend(receipt, 4 * grain)).toBe(true);
    await pass(world(), 3 * grain);
    await expectNone(world());
    await pass(world(), grain);
    expect((await takeOne(world(), 4 * grain)).receives).toBe(2);
  });

  it('a message that was given back is delivered again after its delay, and not before', async () => {
    const { queue } = world().backend;
    const grain = grainMs(world());
    await queue.send([message()]);
    const first = await takeOne(world(), 60_000);
    expect(await queue.fail(first.receipt, { ...FAILURE, delayMs: 4 * grain })).toBe('RETRIED');
    await pass(world(), 3 * grain);
    await expectNone(world());
    await pass(world(), grain);
    const second = await takeOne(world(), 60_000);
    expect(second.receives).toBe(2);
    expect(await queue.fail(second.receipt, { ...FAILURE, delayMs: 0 })).toBe('RETRIED');
    expect(await takeOne(world(), 60_000)).toMatchObject({ ...message(), receives: 3 });
  });
}

function receiptContract(world: () => World): void {
  it('Q3: the receipt of an earlier delivery deletes, keeps and gives back nothing', async () => {
    const { queue } = world().backend;
    const grain = grainMs(world());
    await queue.send([message()]);
    const { receipt: late } = await takeOne(world(), grain);
    await pass(world(), grain);
    const second = await takeOne(world(), 4 * grain);
    expect(second.receives).toBe(2);
    await queue.delete(late);
    expect(await queue.extend(late, 60_000)).toBe(false);
    expect(await queue.fail(late, { ...FAILURE, delayMs: 0 })).toBe('LOST');
    // Still held by the second consumer, for the time that it requested.
    await expectNone(world());
    await pass(world(), 4 * grain);
    const third = await takeOne(world(), 4 * grain);
    expect(third).toMatchObject({ ...message(), receives: 3 });
    await queue.delete(second.receipt);
    expect(await queue.extend(third.receipt, 4 * grain)).toBe(true);
    await queue.delete(third.receipt);
    await pass(world(), 4 * grain);
    await expectNone(world());
  });

  it('a stale or invalid receipt has no effect', async () => {
    const { queue } = world().backend;
    await queue.send([message('gone'), message('there')]);
    const taken = await take(world(), { count: 2, visibilityMs: 60_000 });
    const gone = taken.find(({ message_id }) => message_id === 'gone')?.receipt as string;
    await queue.delete(gone);
    for (const receipt of [gone, 'no receipt', '']) {
      await queue.delete(receipt);
      expect(await queue.extend(receipt, 60_000)).toBe(false);
      expect(await queue.fail(receipt, { ...FAILURE, delayMs: 0 })).toBe('LOST');
    }
    const there = taken.find(({ message_id }) => message_id === 'there')?.receipt as string;
    expect(await queue.fail(there, { ...FAILURE, delayMs: 0 })).toBe('RETRIED');
    expect(await takeOne(world(), 60_000)).toMatchObject({ ...message('there'), receives: 2 });
    expect((await queue.listDead({ limit: 10 })).items).toEqual([]);
  });
}
