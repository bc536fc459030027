import type { FakeItem } from './expressions.ts';
import { compareUtf8 } from './utf8-order.ts';

/** The key of a row. */
export interface FakeKey {
  readonly pk: string;
  readonly sk: string;
}

/** One table in memory. */
export interface FakeTable {
  readonly size: number;
  /** `stale` reads miss the latest writes. */
  get(key: FakeKey, stale: boolean): FakeItem | undefined;
  /** The rows of a partition in order of their sort keys. */
  partition(pk: string, stale: boolean): FakeItem[];
  /** All rows, partition by partition. */
  all(): FakeItem[];
  put(item: FakeItem): void;
  /** Like the deletion of expired rows; for tests. */
  delete(key: FakeKey): void;
}

/** Number of recent writes that a stale read does not see yet. */
const UNSEEN = 50;

/** The key of a row; throws if the key is invalid. */
export function keyOf(item: FakeItem | undefined): FakeKey {
  const pk = item?.pk?.S ?? '';
  const sk = item?.sk?.S ?? '';
  if (pk === '' || sk === '') throw new Error('a row without pk and sk');
  return { pk, sk };
}

/** The rows of one partition. */
interface Partition {
  readonly rows: Map<string, FakeItem>;
  /** Their sort keys in order; null if that is no longer known. */
  sorted: readonly string[] | null;
}

/** An empty table. */
export function createFakeTable(): FakeTable {
  const partitions = new Map<string, Partition>();
  const latest: { key: FakeKey; before: FakeItem | undefined }[] = [];
  let size = 0;
  const now = ({ pk, sk }: FakeKey) => partitions.get(pk)?.rows.get(sk);
  return {
    get size() {
      return size;
    },
    get(key, stale) {
      const unseen = stale ? latest.find((write) => write.key.pk === key.pk && write.key.sk === key.sk) : undefined;
      return unseen === undefined ? now(key) : unseen.before;
    },
    partition(pk, stale) {
      const partition = partitions.get(pk);
      if (partition === undefined) return [];
      partition.sorted ??= [...partition.rows.keys()].sort(compareUtf8);
      const unseen = new Map<string, FakeItem | undefined>();
      // The oldest of the unseen writes of a row replaced what a stale read sees.
      if (stale) for (const { key, before } of latest.toReversed()) if (key.pk === pk) unseen.set(key.sk, before);
      return partition.sorted
        .map((sk) => (unseen.has(sk) ? unseen.get(sk) : partition.rows.get(sk)))
        .filter((item) => item !== undefined);
    },
    all() {
      return [...partitions.keys()].sort(compareUtf8).flatMap((pk) => this.partition(pk, false));
    },
    put(item) {
      const key = keyOf(item);
      const before = now(key);
      latest.push({ key, before });
      if (latest.length > UNSEEN) latest.shift();
      const partition = partitions.get(key.pk) ?? { rows: new Map<string, FakeItem>(), sorted: null };
      if (before === undefined) {
        size += 1;
        partition.sorted = null;
      }
      partition.rows.set(key.sk, item);
      partitions.set(key.pk, partition);
    },
    delete({ pk, sk }) {
      const partition = partitions.get(pk);
      if (partition?.rows.delete(sk) !== true) return;
      partition.sorted = null;
      size -= 1;
    },
  };
}
