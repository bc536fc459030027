/** Milliseconds since the epoch, by the backend's own clock. */
export interface Clock {
  now(): number;
  /** Milliseconds of a clock that nobody sets, from any start. Without it steps of the clock are not seen. */
  monotonicMs?(): number;
}

/** What the only process of a backend finds when it opens it. */
export interface SoleOwner {
  /** The latest receive time of a live receipt; -Infinity without any. */
  readonly latestReceivedMs: number;
  /** The largest number of a pack; 0 without any. */
  readonly lastSequence: number;
}
