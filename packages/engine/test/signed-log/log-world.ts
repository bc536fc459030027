import { MS_PER_HOUR } from '@pik/schema';
import { createMemoryLogKeys, type MemoryLogKeys } from '@pik/testkit';

import type { Backend } from '../../src/ports/backend.ts';
import type { LogTarget } from '../../src/ports/log-target.ts';
import { hasSigned, parseKeyText } from '../../src/signed-log/keys.ts';
import { readCheckpoint, readLog } from '../../src/signed-log/log-files.ts';
import { type LogEntry, parseEntry } from '../../src/signed-log/rules/entries.ts';
import { parseCheckpoint, parseNote } from '../../src/signed-log/rules/note.ts';
import { type ClosedWorld, closeDue, createWorld, play } from '../compact/closed-life.ts';

/** A world with a signed log. */
export interface LogWorld extends ClosedWorld {
  readonly keys: MemoryLogKeys;
}

/** A world in which events arrive in these hours, counted from its first one, and are closed. */
export async function loggedWorld(hours: readonly number[]): Promise<LogWorld> {
  const world = { ...createWorld(), keys: createMemoryLogKeys() };
  const start = world.clock.ms;
  for (const hour of hours) {
    world.clock.ms = start + hour * MS_PER_HOUR;
    await arrive(world);
  }
  world.clock.ms += 2 * MS_PER_HOUR;
  await closeDue(world);
  return world;
}

/** Two events arrive now. */
export function arrive(world: ClosedWorld): Promise<void> {
  const record = { source: 'a', key: null, minute: 1, value: 0, claim: 0, sent: null, broken: false };
  return play(world, { mode: 'live', waitMinutes: 1, records: [1, 2].map((entity) => ({ ...record, entity })) });
}

/** The stored entries. */
export async function entriesOf(backend: Pick<Backend, 'files'>): Promise<LogEntry[]> {
  return (await readLog(backend)).entries.map(parseEntry);
}

/** Entries in short: `hour 21 g1`, `quiet 22 to 01`. */
export async function storyOf(backend: Pick<Backend, 'files'>): Promise<string[]> {
  return (await entriesOf(backend)).map((entry) => {
    if (entry.type === 'hour') return `hour ${entry.h.slice(11)} g${entry.g}`;
    return entry.type === 'quiet' ? `quiet ${entry.from.slice(11)} to ${entry.to.slice(11)}` : entry.type;
  });
}

/** Whether the checkpoint of a size has the root of the entries, and is signed by these private keys and no others. */
export async function isSignedBy(backend: Pick<Backend, 'files'>, size: number, keys: readonly (string | null)[]) {
  const { tree } = await readLog(backend);
  const note = parseNote((await readCheckpoint(backend, size)) ?? '');
  const checkpoint = note === null ? null : parseCheckpoint(note.text);
  if (note === null || checkpoint?.size !== size || note.signatures.length !== keys.length) return false;
  const isRoot = Buffer.from(checkpoint.root).equals(tree.root(size));
  return isRoot && keys.every((text) => text !== null && hasSigned(parseKeyText(text).verifier, note));
}

/** A target in memory; `fault` makes its calls fail. */
export function memoryTarget(name = 'memory') {
  const files = new Map<string, Uint8Array>();
  const target = {
    name,
    files,
    fault: null as Error | null,
    /** Paths as they were written. */
    written: [] as string[],
    async read(path: string) {
      if (target.fault !== null) throw target.fault;
      return files.get(path) ?? null;
    },
    async write(list: Parameters<LogTarget['write']>[0]) {
      for (const { path, bytes } of list) {
        if (target.fault !== null) throw target.fault;
        files.set(path, bytes);
        target.written.push(path);
      }
    },
  };
  return target;
}
