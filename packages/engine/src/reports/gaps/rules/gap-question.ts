import type { TimeRange } from '@pik/schema';
import type { Calendar } from './calendar.ts';
import type { GapSeries, SeriesCells } from './gap-cells.ts';
import type { LifeWindows } from './judged-life.ts';
import type { Life } from './lives.ts';

/** The question that a report asks about each series. Windows that start in its range are judged. */
export interface GapQuestion extends TimeRange {
  readonly asOfMs: number;
  readonly basis: 'event' | 'received';
  readonly calendar: Calendar;
  readonly declaredMs: number | null;
}

/** A window that has events. */
export interface GoodWindow {
  readonly start_ms: number;
  readonly end_ms: number;
}

/** Adjacent windows in which events are missing. Good windows next to it are null if there are none. */
export interface GapInterval {
  readonly series: GapSeries;
  readonly state: 'MISSING' | 'PARTIAL' | 'PENDING';
  /** The claim behind MISSING; null for other states and declared cadences. */
  readonly kind: 'OUTAGE' | 'SKIP' | null;
  readonly text: string;
  readonly start_ms: number;
  readonly end_ms: number;
  /** Its windows in which a delivery was due. */
  readonly windows: number;
  readonly count: number;
  readonly later: number;
  readonly expected: number | null;
  readonly usualLagMs: number;
  readonly lastGood: GoodWindow | null;
  readonly firstGood: GoodWindow | null;
}

/** A series with its lives, judged ones and outliers. */
export interface ModelledSeries {
  /** Its first and last event lie in the lives that are not outliers. */
  readonly cells: SeriesCells;
  readonly usualLagMs: number;
  readonly lives: readonly Life[];
  readonly main: Life;
  /** Lives that are not outliers, as far as they reach into the range. */
  readonly numbered: readonly LifeWindows[];
}
