import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** How items are put in order. */
export interface Sorting<T> {
  compare(a: T, b: T): number;
  /** Items in memory at a time. */
  readonly itemsMax: number;
}

/**
 * Returns items, which must be JSON, in order. Holds at most `itemsMax` in memory and the others in temporary files, which are removed
 * when the reader stops.
 */
export async function* sorted<T>(items: AsyncIterable<T>, sorting: Sorting<T>): AsyncGenerator<T> {
  const { compare, itemsMax } = sorting;
  let dir: string | null = null;
  const files: string[] = [];
  let held: T[] = [];
  try {
    for await (const item of items) {
      held.push(item);
      if (held.length < itemsMax) continue;
      dir ??= mkdtempSync(join(tmpdir(), 'pik-sorted-'));
      const file = join(dir, String(files.length));
      await writeRun(file, held.sort(compare));
      files.push(file);
      held = [];
    }
    held.sort(compare);
    if (files.length === 0) yield* held;
    else yield* merged([...files.map((file) => readRun<T>(file)), fromList(held)], sorting);
  } finally {
    if (dir !== null) rmSync(dir, { recursive: true, force: true });
  }
}

/** JSON on one line: the reader of lines also splits at the separators of Unicode, which JSON allows in texts. */
const lineOf = (value: unknown) =>
  JSON.stringify(value).replace(/[\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);

async function writeRun(file: string, items: readonly unknown[]): Promise<void> {
  const stream = createWriteStream(file, { mode: 0o600 });
  for (const item of items) if (!stream.write(`${lineOf(item)}\n`)) await once(stream, 'drain');
  stream.end();
  await once(stream, 'close');
}

async function* readRun<T>(file: string): AsyncGenerator<T> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY }))
    yield JSON.parse(line) as T;
}

async function* fromList<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** Runs are few: one for each `itemsMax` items. */
async function* merged<T>(runs: readonly AsyncGenerator<T>[], { compare }: Sorting<T>): AsyncGenerator<T> {
  const heads = await Promise.all(runs.map(async (run) => ({ run, next: await run.next() })));
  try {
    for (;;) {
      let least: (typeof heads)[number] | null = null;
      for (const head of heads) {
        if (head.next.done === true) continue;
        if (least === null || least.next.done === true || compare(head.next.value, least.next.value) < 0) least = head;
      }
      if (least === null || least.next.done === true) return;
      yield least.next.value;
      least.next = await least.run.next();
    }
  } finally {
    await Promise.all(runs.map((run) => run.return(undefined)));
  }
}
