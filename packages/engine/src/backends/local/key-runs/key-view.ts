import { hashId } from './entry.ts';
import type { KeyFiles } from './files.ts';
import { createFinder, type KeyEntry, type KeyFinder } from './finder.ts';
import { type Manifest, manifestBytes, NO_RUNS, parseManifest } from './manifest.ts';
import { createMemtable, type Memtable } from './memtable.ts';
import { openRun, type Run } from './run.ts';

/** The number of keys in a table of a view. */
const TABLE_KEYS = 65_536;
/** Attempts to open the runs of a manifest while the writer replaces them. */
const ATTEMPTS = 10;

/** The keys of an index that another thread of the process writes. */
export interface KeyView extends KeyFinder {
  /**
   * Takes over the present runs, and the entries behind them: `rows` gives those with numbers above one, oldest first. Throws
   * `INDEX_CORRUPT`.
   */
  refresh(rows: (above: number) => Iterable<KeyEntry>): void;
  close(): void;
}

interface View {
  tables: Memtable[];
  runs: Run[];
  manifest: Manifest;
}

/**
 * A view over the files of an index. It holds its runs open, so the writer may remove the names of runs that it has merged; their
 * bytes go when the view has moved on.
 */
export function createKeyView(files: KeyFiles): KeyView {
  const view: View = { tables: [], runs: [], manifest: NO_RUNS };
  const hash = { low: 0, high: 0 };
  let bytes: Uint8Array | null = null;
  let last = 0;

  const takeRuns = () => {
    for (let attempt = 1; ; attempt++) {
      const now = manifestBytes(files);
      if (now === null || (bytes !== null && Buffer.compare(now, bytes) === 0)) return;
      try {
        openRuns(files, view, parseManifest(now));
        bytes = now;
        return;
      } catch (error) {
        const isReplaced = Buffer.compare(manifestBytes(files) ?? now, now) !== 0;
        if (!isReplaced || attempt === ATTEMPTS) throw error;
      }
    }
  };
  const add = (entry: KeyEntry) => {
    if (view.tables[0]?.isFull ?? true) view.tables.unshift(createMemtable(TABLE_KEYS));
    hashId(entry.id, 0, hash);
    view.tables[0]?.put(entry, hash);
    last = entry.number;
  };
  return {
    ...createFinder(view),
    refresh(rows) {
      takeRuns();
      const { covered } = view.manifest;
      view.tables = view.tables.filter((table) => table.lastNumber > covered);
      for (const entry of rows(Math.max(last, covered))) add(entry);
    },
    close() {
      for (const run of view.runs) run.close();
    },
  };
}

/** Opens the runs that are new in a manifest, and closes those that are not in it; all or none. */
function openRuns(files: KeyFiles, view: View, manifest: Manifest): void {
  const opened: Run[] = [];
  try {
    const runs = manifest.runs.map((facts) => {
      const known = view.runs.find(({ run }) => run === facts.run);
      if (known !== undefined) return known;
      const run = openRun(files, facts);
      opened.push(run);
      return run;
    });
    for (const run of view.runs) if (!runs.includes(run)) run.close();
    view.runs = runs;
    view.manifest = manifest;
  } catch (error) {
    for (const run of opened) run.close();
    throw error;
  }
}
