import type { Manifest } from './manifest.ts';
import type { Memtable } from './memtable.ts';
import type { Run } from './run.ts';

/** The parts of an index. */
export interface KeyState {
  /** Newest first: the one that takes new keys, then full ones that are not on disk yet. */
  readonly tables: Memtable[];
  /** The newest number whose row is durable: a table with greater numbers is not written. */
  published: number;
  /** Newest first. */
  runs: readonly Run[];
  manifest: Manifest;
}
