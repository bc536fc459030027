import type { FakeItem } from './expressions.ts';

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

/** An empty table. */
export function createFakeTable(): FakeTable {
  const partitions = new Map<string, Map<string, FakeItem>>();
  const latest: { key: FakeKey; before: FakeItem | undefined }[] = [];
  let size = 0;
  const now = ({ pk, sk }: FakeKey) => partitions.get(pk)?.get(sk);
  const seen = (key: FakeKey, stale: boolean) => {
    const unseen = stale ? latest.find((write) => write.key.pk === key.pk && write.key.sk === key.sk) : undefined;
    return unseen === undefined ? now(key) : unseen.before;
  };
  return {
    get size() {
      return size;
    },
    get: seen,
    partition(pk, stale) {
      const keys = [...(partitions.get(pk)?.keys() ?? [])].sort();
      return keys.map((sk) => seen({ pk, sk }, stale)).filter((item) => item !== undefined);
    },
    all() {
      return [...partitions.keys()].sort().flatMap((pk) => this.partition(pk, false));
    },
    put(item) {
      const key = keyOf(item);
      const before = now(key);
      latest.push({ key, before });
      if (latest.length > UNSEEN) latest.shift();
      if (before === undefined) size += 1;
      const rows = partitions.get(key.pk) ?? new Map<string, FakeItem>();
      partitions.set(key.pk, rows.set(key.sk, item));
    },
    delete({ pk, sk }) {
      if (partitions.get(pk)?.delete(sk) === true) size -= 1;
    },
  };
}
