import { setImmediate } from 'node:timers/promises';

import { KitError } from '@pik/schema';
import { sometimes } from '../../../ports/sometimes.ts';
import { guarded } from '../create-only.ts';
import { type Cursor, mergeCursors } from './cursor.ts';
import { ID_BYTES } from './entry.ts';
import type { KeyFiles } from './files.ts';
import { type GoneKeys, hasGone, withoutGone } from './gone-keys.ts';
import { type Manifest, writeManifest } from './manifest.ts';
import type { Memtable } from './memtable.ts';
import { openRun, type Run, type RunFacts, runName } from './run.ts';
import { writeRun } from './run-writer.ts';
import type { KeyState } from './state.ts';

/** The number of runs of one level that become a run of the next. */
const RUNS_PER_MERGE = 8;
/** Runs of this level, some eight million keys each, are not merged: each merge needs the same space again. */
const LEVEL_MAX = 2;

/** Writes full tables to runs and merges runs, one after another, between requests. */
export interface Upkeep {
  /** The error of the last attempt; null if it succeeded. */
  readonly failure: KitError | null;
  /** Writes and merges what there is, if nothing is being written. */
  start(): void;
  idle(): Promise<void>;
  /** Writes the runs that have entries of gone events again without them. Rejects if that fails; it is then tried again by itself. */
  erase(gone: GoneKeys): Promise<void>;
  /** Gives up at the next step; resolves when nothing is being written any more. */
  stop(): Promise<void>;
}

/** The parts that the work needs. */
export interface UpkeepParts {
  readonly files: KeyFiles;
  readonly state: KeyState;
  readonly retryMs: number;
  readonly onWarning: (message: string, error: unknown) => void;
}

interface Work extends UpkeepParts {
  /** The number of the next run: a failed attempt has used its number up. */
  nextRun: number;
  /** Files that were there at the start without being part of the index. */
  strangers: string[];
  /** Files that are not part of the index once the next manifest is durable. */
  leftovers: string[];
  /** The entries that no run is written with any more. */
  gone: GoneKeys | null;
  /** Runs without such entries. */
  readonly clean: Set<number>;
  stopped: boolean;
}

class Stopped extends Error {}

/** The work over the files of an index. */
export function createUpkeep(parts: UpkeepParts): Upkeep {
  const { state, files, retryMs, onWarning } = parts;
  const work: Work = {
    ...parts,
    nextRun: state.manifest.nextRun,
    strangers: strangers(files, state.manifest),
    leftovers: [],
    gone: null,
    clean: new Set(),
    stopped: false,
  };
  let job: Promise<void> | null = null;
  let failure: KitError | null = null;
  let retry: NodeJS.Timeout | null = null;

  const attempt = async () => {
    try {
      await guarded(() => doAll(work), 'INDEX_UNAVAILABLE');
      failure = null;
    } catch (error) {
      if (error instanceof Stopped) return;
      failure = KitError.is(error)
        ? error
        : new KitError('INTERNAL', 'the key index cannot be written', { cause: error });
      onWarning('the key index cannot be written; the server tries again', error);
      retry = setTimeout(again, retryMs).unref();
    }
  };
  const again = () => {
    retry = null;
    start();
  };
  const start = () => {
    if (job !== null || retry !== null || work.stopped) return;
    job = attempt().finally(() => {
      job = null;
    });
  };
  return {
    get failure() {
      return failure;
    },
    start,
    idle: async () => {
      while (job !== null) await job;
    },
    async erase(gone) {
      // Those of earlier erasures may still be in tables in memory.
      const prefixes = [...(work.gone?.prefixes ?? []), ...gone.prefixes];
      work.gone = { ...gone, prefixes };
      work.clean.clear();
      while (job !== null) await job;
      if (retry !== null) clearTimeout(retry);
      retry = null;
      start();
      while (job !== null) await job;
      if (failure !== null) throw failure;
      if (work.leftovers.length > 0)
        throw new KitError('INDEX_UNAVAILABLE', 'files of the key index cannot be removed');
    },
    async stop() {
      work.stopped = true;
      if (retry !== null) clearTimeout(retry);
      await job;
    },
  };
}

/** Files in the folder that are not part of the index: unfinished ones, and runs that were merged. */
function strangers(files: KeyFiles, { runs }: Manifest): string[] {
  const known = new Set(['MANIFEST', ...runs.map(({ run }) => runName(run))]);
  return files.list().filter((name) => !known.has(name));
}

async function doAll(work: Work): Promise<void> {
  if (work.strangers.length > 0) {
    // The manifest that was found may not be durable yet, and the one before it may name these files.
    await work.files.syncFolder();
    sometimes('keys: a start removes files that no manifest names');
    work.strangers = await removeAll(work.files, work.strangers);
  }
  for (;;) {
    if (await flushOldest(work)) continue;
    const runs = nextMerge(work.state);
    if (runs !== null) {
      await merge(work, runs);
      continue;
    }
    const stale = work.gone === null ? null : nextStale(work, work.gone);
    if (stale !== null) await merge(work, [stale], stale.level);
    else if (work.gone === null || !isNamedGone(work.state, work.gone)) return;
    else await install(work, { run: null, dropped: [] });
  }
}

/** A run with entries of gone events; null if there is none. */
function nextStale({ state, clean }: Work, gone: GoneKeys): Run | null {
  for (const run of state.runs) {
    if (clean.has(run.run)) continue;
    if (hasGone(run, gone)) return run;
    clean.add(run.run);
  }
  return null;
}

/** Whether the manifest names the key of a gone event. */
function isNamedGone({ manifest: { covered } }: KeyState, { isGone }: GoneKeys): boolean {
  return covered > 0 && isGone(covered);
}

/** Writes the oldest full table as a run; false if there is none. */
async function flushOldest(work: Work): Promise<boolean> {
  const { state } = work;
  const table = state.tables.at(-1) as Memtable;
  if (state.tables.length === 1 || table.lastNumber > state.published) return false;
  const pause = () => stopIfAsked(work);
  for (pause(); table.sortPart(); pause()) await setImmediate();
  const entries = mergeCursors(table.cursors(new Uint8Array(ID_BYTES)));
  const run = await write(work, { level: 0, entries, entriesMax: table.size, pause });
  const covered = { covered: table.lastNumber, coveredId: Buffer.from(table.lastId()).toString('hex') };
  await install(work, { run, dropped: [], covered });
  sometimes('keys: a table becomes a run');
  state.tables.pop();
  return true;
}

/** The oldest runs of a level with enough of them, newest first; null if there is no such level. */
function nextMerge({ runs }: KeyState): readonly Run[] | null {
  for (let level = 0; level < LEVEL_MAX; level++) {
    const same = runs.filter((run) => run.level === level);
    if (same.length >= RUNS_PER_MERGE) return same.slice(-RUNS_PER_MERGE);
  }
  return null;
}

async function merge(work: Work, runs: readonly Run[], level = (runs[0] as Run).level + 1): Promise<void> {
  const start = new Uint8Array(ID_BYTES);
  const entries = mergeCursors(runs.map((run) => run.cursor(start)).filter((cursor) => cursor !== null));
  const run = await write(work, {
    level,
    entries,
    entriesMax: runs.reduce((sum, one) => sum + one.entries, 0),
    async pause() {
      stopIfAsked(work);
      // A long merge does not keep full tables waiting.
      while (await flushOldest(work));
    },
  });
  await install(work, { run, dropped: runs });
  sometimes('keys: runs are merged');
}

function stopIfAsked({ stopped }: Work): void {
  if (stopped) throw new Stopped();
}

interface NewRun {
  readonly level: number;
  readonly entries: Cursor | null;
  readonly entriesMax: number;
  readonly pause: () => void | Promise<void>;
}

/** Writes a run and opens it; no manifest names it yet. Null if all its entries are gone. */
async function write(work: Work, { level, entries: all, entriesMax, pause }: NewRun): Promise<Run | null> {
  const entries = withoutGone(all, work.gone);
  if (entries === null) return null;
  const run = work.nextRun++;
  const name = runName(run);
  const count = await writeRun(work.files, { run, name, entries, entriesMax, pause });
  try {
    return openRun(work.files, { run, level, entries: count });
  } catch (error) {
    work.leftovers.push(name);
    throw error;
  }
}

interface Change {
  readonly run: Run | null;
  readonly dropped: readonly Run[];
  readonly covered?: Pick<Manifest, 'covered' | 'coveredId'>;
}

/** Makes a new run count, in place of the dropped ones, on disk first and then in memory. */
async function install(work: Work, { run, dropped, covered }: Change): Promise<void> {
  const { files, state } = work;
  const kept = state.runs.filter((one) => !dropped.includes(one));
  const runs = (run === null ? kept : [run, ...kept]).sort(newestFirst);
  const manifest = { ...state.manifest, ...keptCovered(work, covered), nextRun: work.nextRun, runs: runs.map(factsOf) };
  try {
    await files.syncFolder();
    await writeManifest(files, manifest);
  } catch (error) {
    sometimes('keys: a manifest may name a run that is not in memory');
    run?.close();
    // The manifest on disk may already name it, so it stays until another manifest is durable.
    if (run !== null) work.leftovers.push(runName(run.run));
    throw error;
  }
  state.runs = runs;
  state.manifest = manifest;
  for (const one of dropped) {
    one.close();
    work.leftovers.push(runName(one.run));
  }
  work.leftovers = await removeAll(files, work.leftovers);
}

/** The manifest names no event that is gone, but the last one before it: all entries up to that are in runs as well. */
function keptCovered({ gone, state }: Work, covered: Change['covered']): Pick<Manifest, 'covered' | 'coveredId'> {
  const now = covered ?? state.manifest;
  if (gone === null || now.covered === 0 || !gone.isGone(now.covered))
    return { covered: now.covered, coveredId: now.coveredId };
  const kept = gone.lastKept(now.covered);
  return { covered: kept?.number ?? 0, coveredId: kept === null ? '' : Buffer.from(kept.id).toString('hex') };
}

function factsOf({ run, level, entries }: RunFacts): RunFacts {
  return { run, level, entries };
}

function newestFirst(a: RunFacts, b: RunFacts): number {
  return a.level - b.level || b.run - a.run;
}

/** Removes files; returns those that could not be removed. */
async function removeAll(files: KeyFiles, names: readonly string[]): Promise<string[]> {
  const left: string[] = [];
  for (const name of names) await files.remove(name).catch(() => left.push(name));
  return left;
}
