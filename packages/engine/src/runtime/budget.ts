import { setImmediate } from 'node:timers/promises';

import { KitError, LIMITS } from '@pik/schema';

import type { Cancellation } from '../api/pipeline.ts';

/** The reason why an answer ends early: an exhausted part of the budget, or the size of the report. */
export type Spent = 'time' | 'bytes' | 'read' | 'made';

/** The part of a budget that is used most, and the used share. */
export interface Used {
  readonly what: Spent;
  readonly share: number;
}

/** The bounds of one question; omitted ones default to `LIMITS`. */
export interface BudgetLimits {
  /** Milliseconds after which an answer is cut. */
  readonly timeMs?: number | undefined;
  /** The maximum number of stored bytes read. */
  readonly bytesMax?: number | undefined;
  /** The maximum number of rows and receipts read. */
  readonly readMax?: number | undefined;
}

/** The bounds, the abort signal, and the clock. */
export interface BudgetOptions extends BudgetLimits {
  /** Aborted when no caller waits for the answer anymore. */
  readonly signal?: Cancellation | undefined;
  /** A monotonic clock in milliseconds. */
  readonly now?: (() => number) | undefined;
  /** If true, the answer cannot be partial: `turn` rejects with `BUDGET_EXCEEDED` once the budget is exhausted. */
  readonly whole?: boolean | undefined;
}

/**
 * The budget of one question: time, bytes and items read, and whether a caller still waits. Every read of the backend counts
 * itself (`question.ts`). A loop over the results checks `spent` where it can stop, and awaits `turn` wherever it may have
 * run for some milliseconds. The size of a report is bounded separately, by the report's own `isFull`.
 */
export interface Budget {
  /** The exhausted part; null while work may continue. */
  spent(): Spent | null;
  /** The used share of the part that is used most; from 1 on it is exhausted. */
  used(): Used;
  /** Counts a read. */
  read(items: number, bytes?: number): void;
  /** True if it is time to await `turn`; spares a hot loop the promise. */
  isDue(): boolean;
  /**
   * Yields to other work if that is due.
   *
   * @throws KitError `CLIENT_GONE` once no caller waits, `BUDGET_EXCEEDED` if the answer cannot be partial.
   */
  turn(): Promise<void>;
}

/** Creates a budget that starts now. */
export function createBudget(options: BudgetOptions = {}): Budget {
  const { now = () => performance.now(), signal, whole = false } = options;
  const timeMs = options.timeMs ?? LIMITS.question_ms_max;
  const bytesMax = options.bytesMax ?? LIMITS.question_bytes_max;
  const readMax = options.readMax ?? LIMITS.question_read_max;
  const startedMs = now();
  let turnedMs = startedMs;
  let [bytes, read] = [0, 0];
  const spent = (): Spent | null => {
    if (now() - startedMs >= timeMs) return 'time';
    if (bytes >= bytesMax) return 'bytes';
    if (read >= readMax) return 'read';
    return null;
  };
  const check = () => {
    if (signal?.aborted === true) throw goneError(signal);
    const what = whole ? spent() : null;
    if (what !== null) throw exceeded(what);
  };
  const isDue = () => now() - turnedMs >= LIMITS.question_turn_ms_max;
  return {
    spent,
    used() {
      const shares = { time: (now() - startedMs) / timeMs, bytes: bytes / bytesMax, read: read / readMax };
      const what =
        shares.time >= shares.bytes && shares.time >= shares.read
          ? 'time'
          : shares.bytes >= shares.read
            ? 'bytes'
            : 'read';
      return { what, share: shares[what] };
    },
    read(items, more = 0) {
      read += items;
      bytes += more;
    },
    isDue,
    async turn() {
      check();
      if (!isDue()) return;
      await setImmediate();
      turnedMs = now();
      check();
    },
  };
}

/** An unlimited budget for background work, such as that of a processor: it yields to other work but never ends. */
export function endlessBudget(): Budget {
  const [timeMs, bytesMax, readMax] = Array.from({ length: 3 }, () => Number.POSITIVE_INFINITY);
  return createBudget({ timeMs, bytesMax, readMax });
}

const WORDS: Readonly<Record<Spent, string>> = {
  time: 'exceeds the time limit of one answer',
  bytes: 'exceeds the bytes that one answer may read',
  read: 'exceeds the rows that one answer may read',
  made: 'exceeds what one answer may hold',
};

/** The sentence of a note that says why an answer was cut. */
export function spentText(what: Spent): string {
  return `the question ${WORDS[what]}`;
}

/** The error of a question that exceeds its budget and has no partial answer. */
export function exceeded(what: Spent): KitError {
  return new KitError(
    'BUDGET_EXCEEDED',
    `${spentText(what)}, and it cannot be answered in part; ask for a smaller window or range`,
  );
}

/** True if an error ends the whole question, not just one read: the budget is exhausted, or no caller waits. */
export function isOfQuestion(error: unknown): boolean {
  return KitError.is(error) && (error.code === 'BUDGET_EXCEEDED' || error.code === 'CLIENT_GONE');
}

/** For the `catch` of a read that may fail: ignores the error unless it ends the question. */
export function unlessEnded(error: unknown): undefined {
  if (isOfQuestion(error)) throw error;
}

/**
 * Runs work that has no partial answer.
 *
 * @throws KitError `BUDGET_EXCEEDED`; its text is "the question takes …, and", followed by `sentence`.
 */
export async function orExceeded<T>(budget: Budget, sentence: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!KitError.is(cause) || cause.code !== 'BUDGET_EXCEEDED') throw cause;
    throw new KitError('BUDGET_EXCEEDED', `${spentText(budget.spent() ?? 'time')}, and ${sentence}`, { cause });
  }
}

/** The error of a question that nobody waits for. */
export function goneError({ reason }: Cancellation): KitError {
  return KitError.is(reason) ? reason : new KitError('CLIENT_GONE', undefined, { cause: reason });
}
