import type { Turn } from './layout.ts';
import type { SlotScheme } from './slots.ts';

/**
 * The deliveries of a series over the windows of its life, 0 to `windows` − 1. Only windows with deliveries are held; the first
 * window has some. The windows between two of them are a silence.
 */
export interface Counts {
  readonly windows: number;
  /** Numbers of the windows with deliveries, ascending, from 0 on. */
  readonly at: Float64Array;
  /** Minutes with an event, per window with deliveries: events within a minute are one delivery. */
  readonly deliveries: Float64Array;
  /** Events, per window with deliveries. */
  readonly rows: Float64Array;
  /** Where the first and last delivery of a window lie, in windows since the start of the first; null: not known. */
  readonly places: { readonly first: Float64Array; readonly last: Float64Array } | null;
  readonly scheme: SlotScheme;
  /** The assignments of windows to slots; several if more than one calendar is possible. */
  readonly turns: readonly (readonly Turn[])[];
}

/** Runs of empty windows, in order: silence `j` is from `from[j]` up to `to[j]`. */
export interface Silences {
  readonly from: Float64Array;
  readonly to: Float64Array;
  /** The window with deliveries before each, as an index into `Counts.at`. */
  readonly after: Int32Array;
  readonly count: number;
  /** Whether the last silence lasts until the end. */
  readonly isOpen: boolean;
}

/** The runs of empty windows between deliveries, and the one after the last. */
export function silencesOf({ windows, at }: Counts): Silences {
  const nextAt = (i: number) => at[i + 1] ?? windows;
  let count = 0;
  for (let i = 0; i < at.length; i++) if (nextAt(i) > (at[i] ?? 0) + 1) count += 1;
  const from = new Float64Array(count);
  const to = new Float64Array(count);
  const after = new Int32Array(count);
  let j = 0;
  for (let i = 0; i < at.length; i++) {
    if (nextAt(i) <= (at[i] ?? 0) + 1) continue;
    from[j] = (at[i] ?? 0) + 1;
    to[j] = nextAt(i);
    after[j] = i;
    j += 1;
  }
  return { from, to, after, count, isOpen: (at.at(-1) ?? 0) + 1 < windows };
}
