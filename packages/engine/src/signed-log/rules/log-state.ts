import { KitError, MS_PER_HOUR } from '@pik/schema';

import type { HourRow } from '../../ports/closed-hours.ts';
import {
  type HourEntry,
  hourMsOf,
  hourText,
  type KeyEntry,
  type LogEntry,
  parseEntry,
  type QuietEntry,
} from './entries.ts';
import type { TiledLog } from './tiles.ts';
import { createTree, type LogTree } from './tree.ts';

/** A signed log in memory: its tree, its entries, and the facts that they state. */
export interface LogState extends TiledLog {
  readonly tree: LogTree;
  readonly entries: Uint8Array[];
  /** The latest generation of each hour, by its text. */
  readonly hours: Map<string, { readonly index: number; readonly entry: HourEntry }>;
  /** The keys that the log names, in order. */
  readonly keys: { readonly index: number; readonly entry: KeyEntry }[];
  /** The ids of the erasures that the log names. */
  readonly erasures: Set<string>;
  /** The end of the latest hour that an entry covers; null if there is none. */
  coveredMs: number | null;
  /** The index of the last entry that notes a restored backup; -1 if there is none. */
  restoredAt: number;
}

/** An empty log. */
export function createLogState(): LogState {
  return {
    tree: createTree(),
    entries: [],
    hours: new Map(),
    keys: [],
    erasures: new Set(),
    coveredMs: null,
    restoredAt: -1,
  };
}

/** Appends an entry. Throws `LOG_DAMAGED`. */
export function addEntry(state: LogState, bytes: Uint8Array): void {
  const entry = parseEntry(bytes);
  const index = state.entries.length;
  state.entries.push(bytes);
  state.tree.append(bytes);
  if (entry.type === 'key') state.keys.push({ index, entry });
  if (entry.type === 'hour') state.hours.set(entry.h, { index, entry });
  if (entry.type === 'erasure') state.erasures.add(entry.id);
  if (entry.type === 'restore') state.restoredAt = index;
  const end = endOf(entry);
  if (end !== null) state.coveredMs = Math.max(state.coveredMs ?? end, end);
}

function endOf(entry: LogEntry): number | null {
  if (entry.type === 'quiet') return hourMsOf(entry.to);
  return entry.type === 'hour' ? hourMsOf(entry.h) + MS_PER_HOUR : null;
}

/** The entry of a closed hour; null if the log has one of its generation or of a later one. Throws `LOG_FORKED`. */
export function hourEntry(state: LogState, row: HourRow): HourEntry | null {
  const h = hourText(row.hour_ms);
  const known = state.hours.get(h);
  // A restored directory may have different packs in the hours that it had lost.
  const isReplaced = known !== undefined && known.index < state.restoredAt && known.entry.root !== row.root;
  if (known?.entry.g === row.generation && known.entry.root !== row.root && !isReplaced)
    throw new KitError('LOG_FORKED', `the signed log has another root of the hour ${h} than its commit`);
  if (known !== undefined && known.entry.g >= row.generation && !isReplaced) return null;
  return {
    type: 'hour',
    h,
    g: row.generation,
    packs: row.packs,
    lines: row.receipts,
    counts: row.counts,
    root: row.root,
    ...(known === undefined ? {} : { supersedes: known.index }),
  };
}

/** The hours between the last covered one and an hour, if there are any. */
export function quietBefore(coveredMs: number | null, hourMs: number): QuietEntry | null {
  if (coveredMs === null || coveredMs >= hourMs) return null;
  return { type: 'quiet', from: hourText(coveredMs), to: hourText(hourMs) };
}
