import { KitError } from '@pik/schema';

import { hashId, type IdHash } from './entry.ts';
import type { KeyFiles } from './files.ts';
import { createFinder, type KeyFinder } from './finder.ts';
import type { GoneKeys } from './gone-keys.ts';
import { readManifest } from './manifest.ts';
import { createMemtable, type Memtable } from './memtable.ts';
import { openRun, type Run } from './run.ts';
import type { KeyState } from './state.ts';
import { createUpkeep, type Upkeep } from './upkeep.ts';

/** The number of keys in a table, and so in a run of level 0: 6 MB of memory. */
const TABLE_KEYS = 131_072;
/** Full tables that may wait for a disk that fails or is slow; then no more keys are taken. */
const WAITING_MAX = 4;
const RETRY_MS = 1_000;

/** An index of keys: recent ones in memory, the others in sorted runs on disk. One process writes to it. */
export interface KeyRuns extends KeyFinder {
  /** Every entry with a number up to this one is durable here. */
  readonly covered: number;
  /** The key of entry `covered` in hexadecimal digits. */
  readonly coveredId: string;
  /** The number of the newest entry; 0 if there is none. */
  readonly last: number;
  /** The number of the newest entry at the last `publish`. */
  readonly published: number;
  /** Adds an entry; numbers only grow. It counts at once, and is written to disk some time after `publish`. */
  add(id: Uint8Array, number: number): void;
  /** Everything added is durable elsewhere: full tables may be written. */
  publish(): void;
  /** Takes the entries above a number back; the number is not below `published`. */
  takeBack(above: number): void;
  /** Gives no entry a number up to this one any more. Called before anything is added. */
  skipTo(number: number): void;
  /** Removes the entries of events that are gone from all runs; resolves when no file has them. */
  erase(gone: GoneKeys): Promise<void>;
  /** Resolves when nothing is being written. */
  idle(): Promise<void>;
  /** Gives up what is being written, and closes the files. Recent keys are in memory alone. */
  close(): Promise<void>;
}

/** How an index is opened. */
export interface KeyRunsOptions {
  /** Called if writing fails; it is tried again. */
  readonly onWarning: (message: string, error: unknown) => void;
  /** The number of keys in a table. Default 131,072. */
  readonly tableKeys?: number | undefined;
  /** Milliseconds after a failed write until the next one. Default 1,000. */
  readonly retryMs?: number | undefined;
}

/** Opens an index and reads all its blocks once. Throws `INDEX_CORRUPT`; without files it is empty. */
export function openKeyRuns(files: KeyFiles, options: KeyRunsOptions): KeyRuns {
  const { tableKeys = TABLE_KEYS, retryMs = RETRY_MS, onWarning } = options;
  const newTable = () => createMemtable(tableKeys);
  const state = openState(files, newTable());
  const upkeep = createUpkeep({ files, state, retryMs, onWarning });
  return createIndex(state, { upkeep, newTable });
}

function openState(files: KeyFiles, table: Memtable): KeyState {
  const manifest = readManifest(files);
  const runs: Run[] = [];
  try {
    for (const facts of manifest.runs) runs.push(openRun(files, facts));
    for (const run of runs) run.check();
  } catch (error) {
    for (const run of runs) run.close();
    throw error;
  }
  return { tables: [table], published: manifest.covered, runs, manifest };
}

function createIndex(state: KeyState, parts: { upkeep: Upkeep; newTable: () => Memtable }): KeyRuns {
  const { upkeep, newTable } = parts;
  const { tables } = state;
  const hash: IdHash = { low: 0, high: 0 };
  const hashOf = (bytes: Uint8Array, at: number) => {
    hashId(bytes, at, hash);
    return hash;
  };
  const young = () => tables[0] as Memtable;
  let last = state.published;
  return {
    ...createFinder(state),
    get last() {
      return last;
    },
    get published() {
      return state.published;
    },
    get covered() {
      return state.manifest.covered;
    },
    get coveredId() {
      return state.manifest.coveredId;
    },
    add(id, number) {
      if (young().isFull) {
        if (tables.length > WAITING_MAX) throw upkeep.failure ?? behind();
        tables.unshift(newTable());
      }
      young().put({ id, number }, hashOf(id, 0));
      last = number;
    },
    publish() {
      state.published = last;
      if (tables.length > 1) upkeep.start();
    },
    takeBack(above) {
      young().takeBack(above, hashOf);
      while (young().size === 0 && tables.length > 1 && (tables[1] as Memtable).lastNumber > above) {
        tables.shift();
        young().takeBack(above, hashOf);
      }
      last = Math.min(last, above);
    },
    skipTo(number) {
      last = Math.max(last, number);
      state.published = last;
    },
    erase: (gone) => upkeep.erase(gone),
    idle: () => upkeep.idle(),
    async close() {
      await upkeep.stop();
      for (const run of state.runs) run.close();
    },
  };
}

function behind(): KitError {
  return new KitError('INDEX_UNAVAILABLE', 'the disk of the key index is too slow to take more events');
}
