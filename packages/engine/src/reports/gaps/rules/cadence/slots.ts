import type { Grain } from '../calendar.ts';

/** Keys of the slots of a cycle. */
export interface SlotKeys {
  readonly keys: Uint16Array;
  readonly count: number;
}

/** Similar windows: those of one slot of a cycle and, less closely, those of one key. */
export interface SlotScheme {
  /** Slots of the cycle: 168 hours of a week, 7 days of a week, 1,440 minutes of a day. */
  readonly cycle: number;
  /** From coarse to fine: the mean of a finer key is pulled towards that of the coarser one. */
  readonly levels: readonly SlotKeys[];
  /** Windows that share one dispersion. */
  readonly groups: SlotKeys;
  readonly windowsPerDay: number;
}

function keysOf(cycle: number, count: number, keyOf: (slot: number) => number): SlotKeys {
  return { keys: Uint16Array.from({ length: cycle }, (_, slot) => keyOf(slot)), count };
}

/** Monday to Friday are one type of day, Saturday and Sunday another each. */
const dayType = (day: number) => Math.max(0, day - 4);
const one = (cycle: number) => keysOf(cycle, 1, () => 0);

/** Slot 0 is the Monday, its first hour, or the first minute of a day. */
export const SLOT_SCHEMES: Readonly<Record<Grain, SlotScheme>> = {
  minute: {
    cycle: 1440,
    levels: [keysOf(1440, 24, (slot) => Math.floor(slot / 60)), keysOf(1440, 60, (slot) => slot % 60)],
    groups: one(1440),
    windowsPerDay: 1440,
  },
  hour: {
    cycle: 168,
    levels: [
      keysOf(168, 24, (slot) => slot % 24),
      keysOf(168, 72, (slot) => dayType(Math.floor(slot / 24)) * 24 + (slot % 24)),
      keysOf(168, 168, (slot) => slot),
    ],
    groups: keysOf(168, 24, (slot) => slot % 24),
    windowsPerDay: 24,
  },
  day: {
    cycle: 7,
    levels: [keysOf(7, 3, dayType), keysOf(7, 7, (slot) => slot)],
    groups: keysOf(7, 3, dayType),
    windowsPerDay: 1,
  },
};

/** Windows that are all equal, as the due times of a series with an interval of its own are. */
export function uniformScheme(windowsPerDay: number): SlotScheme {
  return { cycle: 1, levels: [], groups: one(1), windowsPerDay };
}
