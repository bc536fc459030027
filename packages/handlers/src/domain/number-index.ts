/** Whole numbers below 2^53 by the order in which they first came: 0, 1, 2 … Several times faster than a Map of them. */
export interface NumberIndex {
  /** The place of a value, a new one where it was not there. */
  placeOf(value: number): number;
  readonly size: number;
}

const EMPTY = -1;
/** Slots above which it grows when half of them are taken. */
const SLOTS_MIN = 1_024;

/** An empty index. */
export function createNumberIndex(): NumberIndex {
  let values = new Float64Array(SLOTS_MIN).fill(EMPTY);
  let places = new Int32Array(SLOTS_MIN);
  let size = 0;
  const slotOf = (value: number): number => {
    const mask = values.length - 1;
    let slot = hash(value) & mask;
    while (values[slot] !== value && values[slot] !== EMPTY) slot = (slot + 1) & mask;
    return slot;
  };
  const grow = () => {
    const [oldValues, oldPlaces] = [values, places];
    values = new Float64Array(oldValues.length * 2).fill(EMPTY);
    places = new Int32Array(values.length);
    for (let i = 0; i < oldValues.length; i++) {
      const value = oldValues[i] as number;
      if (value === EMPTY) continue;
      const slot = slotOf(value);
      values[slot] = value;
      places[slot] = oldPlaces[i] as number;
    }
  };
  return {
    placeOf(value) {
      let slot = slotOf(value);
      if (values[slot] === value) return places[slot] as number;
      if (size * 2 >= values.length) {
        grow();
        slot = slotOf(value);
      }
      values[slot] = value;
      places[slot] = size;
      size += 1;
      return size - 1;
    },
    get size() {
      return size;
    },
  };
}

function hash(value: number): number {
  const high = Math.floor(value / 2 ** 26);
  const mixed = Math.imul(high, 0x9e3779b1) ^ Math.imul(value - high * 2 ** 26, 0x85ebca77);
  return mixed ^ (mixed >>> 15);
}

/** A set of places, which are dense small numbers. */
export interface PlaceSet {
  add(place: number): void;
  readonly size: number;
}

/** An empty set. */
export function createPlaceSet(): PlaceSet {
  let flags = new Uint8Array(64);
  let size = 0;
  return {
    add(place) {
      if (place >= flags.length) {
        const grown = new Uint8Array(Math.max(flags.length * 2, place + 1));
        grown.set(flags);
        flags = grown;
      }
      if (flags[place] === 1) return;
      flags[place] = 1;
      size += 1;
    },
    get size() {
      return size;
    },
  };
}
