import { LIMITS } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createGroupQueue, type Groupable } from './group-queue.ts';

const item = (receipts: number, rest: Partial<Groupable> = {}): Groupable => ({
  receipts,
  bytes: 1,
  alone: false,
  ...rest,
});
const { group_receipts_max: RECEIPTS, group_bytes_max: BYTES } = LIMITS;
const items = fc.array(
  fc.record({
    receipts: fc.constantFrom(1, 1, RECEIPTS / 2, RECEIPTS, RECEIPTS + 1),
    bytes: fc.constantFrom(1, 1, BYTES / 2, BYTES, BYTES + 1),
    alone: fc.boolean(),
  }),
  { maxLength: 20 },
);

describe('items that wait', () => {
  it('are each written once, in groups that keep their bounds and their order, and get their own results', async () => {
    await fc.assert(
      fc.asyncProperty(items, fc.array(fc.boolean()), fc.scheduler(), async (list, failing, s) => {
        const queue = createGroupQueue<Groupable, Groupable>({ shared: true });
        const groups: Groupable[][] = [];
        const finished: number[] = [];
        let running = 0;
        const write = async (group: readonly Groupable[], earlier: Promise<void>) => {
          const no = groups.push([...group]) - 1;
          running += 1;
          expect(running).toBeLessThanOrEqual(2);
          await s.schedule(Promise.resolve(), `append ${no}`);
          await earlier;
          await s.schedule(Promise.resolve(), `admit ${no}`);
          finished.push(no);
          running -= 1;
          if (failing[no] === true) throw new Error(`group ${no}`);
          return group;
        };
        const sending = s.scheduleSequence(
          list.map((one, i) => async () => {
            answers[i] = queue.add(one, write);
            answers[i].catch(() => undefined);
          }),
        );
        const answers: Promise<Groupable>[] = [];
        await s.waitFor(sending.task);
        await s.waitFor(Promise.allSettled(answers));
        expect(groups.flat().toSorted(byPlace(list))).toEqual(list);
        expect(finished).toEqual(groups.map((_, no) => no));
        for (const [no, group] of groups.entries()) {
          expect(group).toEqual(group.toSorted(byPlace(list)));
          if (group.length > 1) {
            expect(group.some(({ alone }) => alone)).toBe(false);
            expect(sum(group, 'receipts')).toBeLessThanOrEqual(RECEIPTS);
            expect(sum(group, 'bytes')).toBeLessThanOrEqual(BYTES);
          }
          for (const one of group) {
            const answer = answers[list.indexOf(one)];
            if (failing[no] === true) await expect(answer).rejects.toThrow(`group ${no}`);
            else expect(await answer).toBe(one);
          }
        }
      }),
      runs(300),
    );
  });

  it('go at once if nothing is being written, and otherwise with all others that wait', async () => {
    const queue = createGroupQueue<Groupable, number>({ shared: true });
    const written: { count: number; finish: () => void }[] = [];
    const write = (group: readonly Groupable[]) =>
      new Promise<number[]>((resolve) => {
        written.push({ count: group.length, finish: () => resolve(group.map((_, i) => i)) });
      });
    const first = queue.add(item(1), write);
    expect(written.map(({ count }) => count)).toEqual([1]);
    const others = [1, 2, 3].map((n) => queue.add(item(n), write));
    expect(written).toHaveLength(1);
    written[0]?.finish();
    await first;
    await Promise.resolve();
    await expect.poll(() => written.length).toBe(2);
    expect(written[1]?.count).toBe(3);
    written[1]?.finish();
    expect(await Promise.all(others)).toEqual([0, 1, 2]);
  });

  it('and share no group keep no others from sharing one', async () => {
    const queue = createGroupQueue<Groupable, number>({ shared: true });
    const groups: string[] = [];
    const write = async (group: readonly Groupable[]) => {
      groups.push(group.map(({ alone, receipts }) => (alone ? `alone ${receipts}` : receipts)).join());
      return group.map(() => 0);
    };
    const list = [item(1), item(2), item(3, { alone: true }), item(4), item(5, { alone: true }), item(6)];
    await Promise.all(list.map((one) => queue.add(one, write)));
    expect(groups).toEqual(['1', '2,4,6', 'alone 3', 'alone 5']);
  });

  it('each form a group of their own, without waiting, if groups are not shared', async () => {
    const queue = createGroupQueue<Groupable, number>({ shared: false });
    const sizes: number[] = [];
    const never = (group: readonly Groupable[]) => {
      sizes.push(group.length);
      return new Promise<number[]>(() => {});
    };
    for (let n = 0; n < 5; n++) {
      await queue.room();
      void queue.add(item(RECEIPTS), never);
    }
    expect(sizes).toEqual([1, 1, 1, 1, 1]);
  });

  it('leave room for others only while they do not fill a group', async () => {
    const queue = createGroupQueue<Groupable, number>({ shared: true });
    const finishes: (() => void)[] = [];
    const write = (group: readonly Groupable[]) =>
      new Promise<number[]>((resolve) => {
        finishes.push(() => resolve(group.map(() => 0)));
      });
    // Two full groups are being written, and the third one waits.
    for (let n = 0; n < 3; n++) {
      await queue.room();
      void queue.add(item(RECEIPTS), write);
    }
    let hasRoom = false;
    const room = queue.room().then(() => {
      hasRoom = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect([finishes.length, hasRoom]).toEqual([2, false]);
    finishes[0]?.();
    await room;
    expect(finishes).toHaveLength(3);
  });
});

function byPlace(list: readonly Groupable[]) {
  return (a: Groupable, b: Groupable) => list.indexOf(a) - list.indexOf(b);
}

function sum(group: readonly Groupable[], field: 'receipts' | 'bytes'): number {
  return group.reduce((total, one) => total + one[field], 0);
}
