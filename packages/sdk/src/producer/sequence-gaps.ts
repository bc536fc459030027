/** Runs of sequence numbers, both ends included. */
export type Ranges = [from: number, to: number][];

/** Sequence numbers that the backend will never receive. */
export interface SequenceGaps {
  /** Never sent, for example because the buffer was full. */
  readonly dropped: Ranges;
  /** Given up after attempts; some of these events may have arrived. */
  readonly undelivered: Ranges;
}

/** Most runs in one report, which keeps it far below the size limit of an event. */
const RANGES_MAX = 1_000;

/** Collects the sequence gaps that were not reported yet. */
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

  /** Removes and returns the gaps of the next report. */
  take(): SequenceGaps {
    const dropped = this.#gaps.dropped.splice(0, RANGES_MAX);
    return { dropped, undelivered: this.#gaps.undelivered.splice(0, RANGES_MAX - dropped.length) };
  }

  /** Puts the gaps of an undelivered report back. */
  restore(gaps: SequenceGaps): void {
    for (const kind of ['dropped', 'undelivered'] as const) {
      const later = this.#gaps[kind].splice(0);
      for (const range of [...gaps[kind], ...later]) this.#gaps[kind].push(range);
    }
  }
}
