// Charts as plain data, drawn as SVG or with characters.

/** Lower bounds of the delay levels in milliseconds; times below the first are ahead of time. */
export const DELAY_LEVELS_MS = [0, 1, 15, 60, 120, 360, 1_440, 10_080].map((minutes) => minutes * 60_000);

/** Delay by series and time. */
export interface HeatMap {
  readonly kind: 'heat-map';
  readonly title: string;
  readonly rows: readonly string[];
  /** Consecutive hours or days. */
  readonly columns: readonly string[];
  readonly cells: readonly { readonly row: number; readonly column: number; readonly p90_ms: number }[];
}

/** Shares by the age of a day. */
export interface Curves {
  readonly kind: 'curves';
  readonly title: string;
  readonly ages_ms: readonly number[];
  /** One share per age; null for an age that the day has not reached. */
  readonly lines: readonly {
    readonly name: string;
    readonly role: 'closed' | 'open' | 'median';
    readonly shares: readonly (number | null)[];
  }[];
}

/** The state of a window. */
export type WindowState = 'MISSING' | 'PARTIAL' | 'PENDING';

/**
 * Windows as a calendar: days across and hours down, weeks across and weekdays down, or hours across and minutes down.
 */
export interface Calendar {
  readonly kind: 'calendar';
  readonly title: string;
  readonly across: readonly string[];
  readonly down: readonly string[];
  readonly cells: readonly { readonly across: number; readonly down: number; readonly state: WindowState }[];
}

/** From one value to another, step by step. */
export interface Waterfall {
  readonly kind: 'waterfall';
  readonly title: string;
  readonly steps: readonly {
    readonly name: string;
    readonly from: number;
    readonly to: number;
    /** A total instead of a step. */
    readonly isTotal: boolean;
  }[];
}

/** Amounts by group, in parts. */
export interface Bars {
  readonly kind: 'bars';
  readonly title: string;
  readonly parts: readonly string[];
  /** One value per part; `label` states them as text. */
  readonly rows: readonly { readonly name: string; readonly values: readonly number[]; readonly label: string }[];
}

/** A chart of any kind. */
export type Chart = HeatMap | Curves | Calendar | Waterfall | Bars;

/** The level of a delay: 0 ahead of time, then one per bound of `DELAY_LEVELS_MS`. */
export function delayLevel(ms: number): number {
  return DELAY_LEVELS_MS.filter((from) => ms >= from).length;
}

/** Names of the levels, ahead of time first. */
export const DELAY_NAMES = ['ahead', '< 1 min', '< 15 min', '< 1 h', '< 2 h', '< 6 h', '< 1 d', '< 7 d', '≥ 7 d'];
