/** Sequence numbers, first and last of each run. */
export type Ranges = [from: number, to: number][];

/** What a report says of numbers that the backend will not see. */
export interface SequenceGaps {
  /** Never sent: the buffer was full. */
  readonly dropped: Ranges;
  /** Given up after attempts; some may have arrived. */
  readonly undelivered: Ranges;
}

/** Ranges of one report, so that it stays far below the limit of an event. */
const RANGES_MAX = 1_000;

/** The numbers that were given up and not yet reported. */
export class SequenceGapTracker {
  readonly #gaps: { [K in keyof SequenceGaps]: Ranges } = { dropped: [], undelivered: [] };

  get isEmpty(): boolean {
    return this.#gaps.dropped.length === 0 && this.#gaps.undelivered.length === 0;
  }

  add(kind: keyof SequenceGaps, seq: number): void {
    const last = this.#gaps[kind].at(-1);
    if (last !== undefined && last[1] === seq - 1) last[1] = seq;
    else this.#gaps[kind].push([seq, seq]);
  }

  /** Hands out what is to be reported next. */
  take(): SequenceGaps {
    const dropped = this.#gaps.dropped.splice(0, RANGES_MAX);
    return { dropped, undelivered: this.#gaps.undelivered.splice(0, RANGES_MAX - dropped.length) };
  }

  /** Takes back what a report could not say. */
  restore(gaps: SequenceGaps): void {
    for (const kind of ['dropped', 'undelivered'] as const) {
      const later = this.#gaps[kind].splice(0);
      for (const range of [...gaps[kind], ...later]) this.#gaps[kind].push(range);
    }
  }
}
