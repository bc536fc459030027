import type { DeadLetterRow } from '@pik/engine';
import { type ERRORS, LIMITS } from '@pik/schema';
import { expect, it } from 'vitest';
import { expectNone, take, takeOne } from './queue.ts';
import { all, FOREIGN_CURSORS, grainMs, ODD_TEXTS, pass, type World } from './world.ts';

const DELIVERIES = LIMITS.message_receives_max;

const message = (message_id: string) => ({ message_id, body: `{"message":${JSON.stringify(message_id)}}` });
const messages = (count: number) => Array.from({ length: count }, (_, i) => message(`replay.first.${i}`));
const idOf = ({ message_id }: { message_id: string }) => message_id;

/** Tests of messages that were delivered too often. */
export function deadLetterContract(world: () => World): void {
  const dead = async (limit = 100): Promise<DeadLetterRow[]> => {
    const found = await all((cursor) => world().backend.queue.listDead({ limit, cursor }));
    return found.toSorted((a, b) => (a.message_id < b.message_id ? -1 : 1));
  };

  it('D05, D06, G14: a message that failed too often is a dead letter, with the last reason and its body as it was sent', async () => {
    const { backend, opened } = world();
    const sent_ms = opened.clock.now();
    await backend.queue.send([message('one')]);
    await pass(world(), grainMs(world()));
    for (let receives = 1; receives <= DELIVERIES; receives++) {
      const held = await takeOne(world(), 60_000);
      expect(held.receives).toBe(receives);
      const failure = { code: `CODE_${receives}`, detail: ODD_TEXTS.join(` ${receives} `), delayMs: 0 };
      expect(await backend.queue.fail(held.receipt, failure)).toBe(receives < DELIVERIES ? 'RETRIED' : 'DEAD');
      expect(await dead()).toHaveLength(receives < DELIVERIES ? 0 : 1);
      expect(await backend.queue.fail(held.receipt, failure)).toBe('LOST');
    }
    const detail = ODD_TEXTS.join(` ${DELIVERIES} `);
    const died_ms = opened.clock.now();
    const letter = { ...message('one'), receives: DELIVERIES, code: `CODE_${DELIVERIES}`, detail, sent_ms, died_ms };
    expect(await dead()).toEqual([letter]);
    await pass(world(), 4 * grainMs(world()));
    await expectNone(world());
    await world().reopen();
    expect(await dead()).toEqual([letter]);
    await expectNone(world());
  });

  it('Q4, G14: a message that is taken again and again and never finished is a dead letter too, and delays no other', async () => {
    const { queue } = world().backend;
    const grain = grainMs(world());
    const sent_ms = world().opened.clock.now();
    await queue.send([message('poison')]);
    let late = '';
    for (let receives = 1; receives <= DELIVERIES; receives++) {
      const held = await takeOne(world(), grain);
      expect(held).toMatchObject({ message_id: 'poison', receives });
      late = held.receipt;
      await pass(world(), grain);
    }
    await queue.send([message('healthy')]);
    const healthy = await takeOne(world(), 60_000);
    expect(healthy).toMatchObject({ ...message('healthy'), receives: 1 });
    await queue.delete(healthy.receipt);
    await expectNone(world());
    // Its last consumer is too late to delete it.
    await queue.delete(late);
    expect(await queue.fail(late, { code: 'LATE', detail: 'late', delayMs: 0 })).toBe('LOST');
    const [letter, ...others] = await dead();
    expect(others).toEqual([]);
    expect(letter).toMatchObject({
      ...message('poison'),
      code: 'MESSAGE_ABANDONED' satisfies keyof typeof ERRORS,
      sent_ms,
    });
    expect(letter?.detail).not.toBe('');
    expect(letter?.receives).toBeGreaterThanOrEqual(DELIVERIES);
    expect(letter?.died_ms).toBeGreaterThanOrEqual(sent_ms);
  });

  it('dead letters are listed page by page, all of them', async () => {
    const sent = messages(7);
    await kill(world(), sent);
    for (const limit of [1, 3, 7, 100]) {
      expect((await dead(limit)).map(idOf)).toEqual(sent.map(idOf));
      const page = await world().backend.queue.listDead({ limit });
      expect(page.items.length).toBeLessThanOrEqual(limit);
      await finish(world(), page.next, limit);
    }
  });

  it('Q10: a redriven message starts again: sent now, delivered as often as any, and dead again in the end', async () => {
    const { queue } = world().backend;
    const [one] = messages(1) as [ReturnType<typeof message>];
    await kill(world(), [one]);
    await pass(world(), grainMs(world()));
    const sent_ms = world().opened.clock.now();
    expect(await queue.redrive()).toBe(1);
    expect(await dead()).toEqual([]);
    await pass(world(), grainMs(world()));
    for (let receives = 1; receives <= DELIVERIES; receives++) {
      const held = await takeOne(world(), 60_000);
      expect(held).toMatchObject({ ...one, receives });
      await queue.fail(held.receipt, { code: 'AGAIN', detail: 'still broken', delayMs: 0 });
    }
    const died_ms = world().opened.clock.now();
    expect(await dead()).toEqual([
      { ...one, receives: DELIVERIES, code: 'AGAIN', detail: 'still broken', sent_ms, died_ms },
    ]);
  });

  it('dead letters are redriven by their ids or all at once; other messages stay where they are', async () => {
    const { queue } = world().backend;
    const sent = messages(5);
    await kill(world(), sent);
    await queue.send([message('waiting')]);
    const [a, b, ...rest] = sent.map(idOf) as [string, string, ...string[]];
    expect(await queue.redrive([])).toBe(0);
    expect(await queue.redrive(['none', 'waiting'])).toBe(0);
    expect(await queue.redrive([a, 'none', b, a])).toBe(2);
    expect((await dead()).map(idOf)).toEqual(rest);
    expect(await queue.redrive([a])).toBe(0);
    expect(await queue.redrive()).toBe(rest.length);
    expect(await queue.redrive()).toBe(0);
    expect(await dead()).toEqual([]);
    const taken = await take(world(), { count: 6, visibilityMs: 60_000 });
    expect(taken.map(idOf).sort()).toEqual([...sent.map(idOf), 'waiting'].sort());
    for (const { receives } of taken) expect(receives).toBe(1);
  });

  it('a message with the id of a dead letter is delivered like any other', async () => {
    const { queue } = world().backend;
    await kill(world(), [message('one')]);
    await queue.send([message('one')]);
    const held = await takeOne(world(), 60_000);
    expect(held).toMatchObject({ ...message('one'), receives: 1 });
    await queue.delete(held.receipt);
    await expectNone(world());
  });

  it('A10: a cursor that no listing returned is refused', async () => {
    const { queue } = world().backend;
    for (const cursor of FOREIGN_CURSORS)
      await expect(queue.listDead({ limit: 5, cursor })).rejects.toMatchObject({ code: 'CURSOR_INVALID' });
  });
}

/** Sends messages and lets each fail until it is a dead letter. */
async function kill(world: World, sent: readonly { message_id: string; body: string }[]): Promise<void> {
  const { queue } = world.backend;
  await queue.send(sent);
  const ends: string[] = [];
  for (let i = 0; i < sent.length * DELIVERIES; i++) {
    const { receipt } = await takeOne(world, 60_000);
    ends.push(await queue.fail(receipt, { code: 'AGGREGATE_FAILED', detail: 'a function threw', delayMs: 0 }));
  }
  expect(ends.filter((end) => end === 'DEAD')).toHaveLength(sent.length);
}

/** Completes a walk, since an abandoned walk may hide messages from the next one. */
async function finish({ backend: { queue } }: World, next: string | null, limit: number): Promise<void> {
  for (let cursor = next; cursor !== null; ) cursor = (await queue.listDead({ limit, cursor })).next;
}
