import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { Entry } from './entry.ts';

/** Entries in memory at a time. */
const ENTRIES_MAX = 200_000;

const byId = (a: Entry, b: Entry) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/**
 * Returns entries in order of their ids. Holds at most `entriesMax` in memory and the others in temporary files, which are removed
 * when the reader stops.
 */
export async function* sorted(entries: AsyncIterable<Entry>, entriesMax = ENTRIES_MAX): AsyncGenerator<Entry> {
  let dir: string | null = null;
  const files: string[] = [];
  let held: Entry[] = [];
  try {
    for await (const entry of entries) {
      held.push(entry);
      if (held.length < entriesMax) continue;
      dir ??= mkdtempSync(join(tmpdir(), 'pik-reconcile-'));
      const file = join(dir, String(files.length));
      await writeRun(file, held.sort(byId));
      files.push(file);
      held = [];
    }
    held.sort(byId);
    if (files.length === 0) yield* held;
    else yield* merged([...files.map(readRun), fromList(held)]);
  } finally {
    if (dir !== null) rmSync(dir, { recursive: true, force: true });
  }
}

/** JSON on one line: the reader of lines also splits at the separators of Unicode, which JSON allows in texts. */
const lineOf = (value: unknown) =>
  JSON.stringify(value).replace(/[\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16)}`);

async function writeRun(file: string, entries: readonly Entry[]): Promise<void> {
  const stream = createWriteStream(file, { mode: 0o600 });
  for (const entry of entries) if (!stream.write(`${lineOf(entry)}\n`)) await once(stream, 'drain');
  stream.end();
  await once(stream, 'close');
}

async function* readRun(file: string): AsyncGenerator<Entry> {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY }))
    yield JSON.parse(line) as Entry;
}

async function* fromList(entries: readonly Entry[]): AsyncGenerator<Entry> {
  yield* entries;
}

/** Runs are few: one for each 200,000 entries. */
async function* merged(runs: readonly AsyncGenerator<Entry>[]): AsyncGenerator<Entry> {
  const heads = await Promise.all(runs.map(async (run) => ({ run, entry: await nextOf(run) })));
  try {
    for (;;) {
      let least: { run: AsyncGenerator<Entry>; entry: Entry | null } | null = null;
      for (const head of heads) {
        if (head.entry === null) continue;
        if (least?.entry == null || byId(head.entry, least.entry) < 0) least = head;
      }
      if (least?.entry == null) return;
      yield least.entry;
      least.entry = await nextOf(least.run);
    }
  } finally {
    await Promise.all(runs.map((run) => run.return(undefined)));
  }
}

async function nextOf(run: AsyncGenerator<Entry>): Promise<Entry | null> {
  const { done, value } = await run.next();
  return done === true ? null : value;
}
