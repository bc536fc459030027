// What a picture shows, as plain data: the same for a picture of vectors and for one of characters.

/** The levels of delay that are told apart, by their lower bounds in milliseconds; below the first the time lies ahead. */
export const DELAY_LEVELS_MS = [0, 1, 15, 60, 120, 360, 1_440, 10_080].map((minutes) => minutes * 60_000);

/** Delay by series and time. */
export interface HeatMap {
  readonly kind: 'heat-map';
  readonly title: string;
  readonly rows: readonly string[];
  /** Hours or days, without a hole between them. */
  readonly columns: readonly string[];
  readonly cells: readonly { readonly row: number; readonly column: number; readonly p90_ms: number }[];
}

/** Shares over the age of a day. */
export interface Curves {
  readonly kind: 'curves';
  readonly title: string;
  readonly ages_ms: readonly number[];
  /** One share per age; null where that age has not come. */
  readonly lines: readonly {
    readonly name: string;
    readonly role: 'closed' | 'open' | 'median';
    readonly shares: readonly (number | null)[];
  }[];
}

/** What is wrong with a window. */
export type WindowState = 'MISSING' | 'PARTIAL' | 'PENDING';

/** Windows by the calendar: days across and hours down, weeks across and weekdays down, hours across and minutes down. */
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
    /** A value that is reached, not a step. */
    readonly whole: boolean;
  }[];
}

/** Amounts by group, in parts. */
export interface Bars {
  readonly kind: 'bars';
  readonly title: string;
  readonly parts: readonly string[];
  /** One value per part; `label` says them. */
  readonly rows: readonly { readonly name: string; readonly values: readonly number[]; readonly label: string }[];
}

/** What a picture shows. */
export type Chart = HeatMap | Curves | Calendar | Waterfall | Bars;

/** The level of a delay: 0 ahead of time, then the first to the last of `DELAY_LEVELS_MS`. */
export function delayLevel(ms: number): number {
  return DELAY_LEVELS_MS.filter((from) => ms >= from).length;
}

/** What each level is called, the one ahead of time first. */
export const DELAY_NAMES = ['ahead', '< 1 min', '< 15 min', '< 1 h', '< 2 h', '< 6 h', '< 1 d', '< 7 d', '≥ 7 d'];
