/** The backend's own clock, in milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /** A monotonic clock in milliseconds with an arbitrary start. Without it, steps of the clock are not detected. */
  monotonicMs?(): number;
}

/** The state that the only process of a backend finds on opening it. */
export interface SoleOwner {
  /** The latest receive time of a live receipt; -Infinity if there is none. */
  readonly latestReceivedMs: number;
  /** The largest number of a pack; 0 if there is none. */
  readonly lastSequence: number;
}
