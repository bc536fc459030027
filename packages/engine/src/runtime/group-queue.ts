import { LIMITS } from '@pik/schema';

/** The measures by which items are grouped. */
export interface Groupable {
  readonly receipts: number;
  readonly bytes: number;
  /** True for an item that shares its group with no other. */
  readonly alone: boolean;
}

/**
 * Writes a group and resolves with the result of each item, in order. `earlier` resolves once all groups that were started
 * before have succeeded or failed; what must happen in order waits for it.
 */
export type WriteGroup<T, R> = (group: readonly T[], earlier: Promise<void>) => Promise<readonly R[]>;

/** Items that wait at the same time are written together. */
export interface GroupQueue<T, R> {
  /** Resolves while fewer items wait than fill a group. Awaited before `add`, it bounds the items that wait. */
  room(): Promise<void>;
  /** Resolves with the result of an item once its group is written. Rejects, like all items of the group, if that fails. */
  add(item: T, write: WriteGroup<T, R>): Promise<R>;
}

/** While a full group waits, it is written next to the one before it; otherwise one group at a time is written. */
const GROUPS_AT_ONCE = 2;

interface Waiting<T, R> {
  readonly item: T;
  readonly write: WriteGroup<T, R>;
  readonly resolve: (result: R) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Creates a queue. An item that finds nothing being written is written at once; those that arrive meanwhile form the next
 * group, up to `group_receipts_max` and `group_bytes_max`. If groups are not shared, each item is a group and waits for none.
 */
export function createGroupQueue<T extends Groupable, R>({ shared }: { shared: boolean }): GroupQueue<T, R> {
  const waiting: Waiting<T, R>[] = [];
  const total = createTotal();
  const seekers: (() => void)[] = [];
  let running = 0;
  let earlier: Promise<void> = Promise.resolve();

  const start = (): void => {
    while (waiting.length > 0 && (running === 0 || (running < GROUPS_AT_ONCE && total.isFull()))) {
      const group = takeGroup(waiting);
      for (const { item } of group) total.add(item, -1);
      running += 1;
      earlier = run(group, earlier).then(() => {
        running -= 1;
        start();
      });
    }
    if (!total.isFull()) for (const seeker of seekers.splice(0)) seeker();
  };
  return {
    async room() {
      if (total.isFull()) await new Promise<void>((resolve) => seekers.push(resolve));
    },
    add: (item, write) =>
      new Promise<R>((resolve, reject) => {
        const one = { item, write, resolve, reject };
        if (!shared) {
          void run([one], Promise.resolve());
          return;
        }
        waiting.push(one);
        total.add(item, 1);
        start();
      }),
  };
}

/** Writes a group and settles its items. Never rejects; resolves after all earlier groups. */
async function run<T, R>(group: readonly Waiting<T, R>[], earlier: Promise<void>): Promise<void> {
  const items = group.map(({ item }) => item);
  try {
    const results = await group[0]?.write(items, earlier);
    for (const [i, { resolve }] of group.entries()) resolve(results?.[i] as R);
  } catch (error) {
    for (const { reject } of group) reject(error);
  }
  await earlier;
}

/** The sizes of some items together. */
function createTotal() {
  let [receipts, bytes] = [0, 0];
  return {
    add(item: Groupable, times: 1 | -1): void {
      receipts += times * item.receipts;
      bytes += times * item.bytes;
    },
    isFull: () => receipts >= LIMITS.group_receipts_max || bytes >= LIMITS.group_bytes_max,
    isOver: () => receipts > LIMITS.group_receipts_max || bytes > LIMITS.group_bytes_max,
  };
}

/** Removes the next group: the first item, and those after it that fit. An item that shares no group keeps its place. */
function takeGroup<W extends { readonly item: Groupable }>(waiting: W[]): W[] {
  const total = createTotal();
  const group: W[] = [];
  let isClosed = false;
  for (const one of waiting.splice(0)) {
    const joins = group.length === 0 || (!isClosed && !one.item.alone);
    if (joins) total.add(one.item, 1);
    if (joins && group.length > 0 && total.isOver()) isClosed = true;
    if (joins && !isClosed) group.push(one);
    else waiting.push(one);
    if (one.item.alone && group[0] === one) isClosed = true;
  }
  return group;
}
