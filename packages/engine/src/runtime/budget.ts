import { setImmediate } from 'node:timers/promises';

import { KitError, LIMITS } from '@pik/schema';

/** What ends an answer early: something of its budget that is used up, or what its report holds. */
export type Spent = 'time' | 'bytes' | 'read' | 'made';

/** What of a budget is used most, and which share of it. */
export interface Used {
  readonly what: Spent;
  readonly share: number;
}

/** The bounds of one question; what is left out is as the limits say. */
export interface BudgetLimits {
  /** Milliseconds after which an answer is cut. */
  readonly timeMs?: number | undefined;
  /** Stored bytes that are read. */
  readonly bytesMax?: number | undefined;
  /** Rows and receipts that are read. */
  readonly readMax?: number | undefined;
}

/** The bounds, who waits, and the clock. */
export interface BudgetOptions extends BudgetLimits {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that never run backwards. */
  readonly now?: (() => number) | undefined;
  /** The answer cannot be cut: `turn` rejects with `BUDGET_EXCEEDED` once something is used up. */
  readonly whole?: boolean | undefined;
}

/**
 * What one question may take: time, bytes and items read; and whether anybody still waits for the answer. Every read of the
 * backend counts itself (`question.ts`); a loop over what was read asks `spent` where it can be cut, and awaits `turn` wherever
 * it may have run for some milliseconds. What a report holds has the bound of that report: `isFull` of its part.
 */
export interface Budget {
  /** What is used up; null while the work may go on. */
  spent(): Spent | null;
  /** How much is used, of time, bytes or items read whatever is used most; 1 and above is used up. */
  used(): Used;
  /** Counts what was read. */
  read(items: number, bytes?: number): void;
  /** Whether it is time to await `turn`: saves a hot loop the promise. */
  isDue(): boolean;
  /**
   * Gives way to other work if it is due.
   *
   * @throws KitError `CLIENT_GONE` once nobody waits, `BUDGET_EXCEEDED` where the answer cannot be cut.
   */
  turn(): Promise<void>;
}

/** A budget that begins now. */
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

/** The budget of work that nobody waits for, such as that of a processor: it gives way to other work, and never ends. */
export function endlessBudget(): Budget {
  const [timeMs, bytesMax, readMax] = Array.from({ length: 3 }, () => Number.POSITIVE_INFINITY);
  return createBudget({ timeMs, bytesMax, readMax });
}

const WORDS: Readonly<Record<Spent, string>> = {
  time: 'takes longer than one answer may',
  bytes: 'reads more bytes than one answer may',
  read: 'reads more rows than one answer may',
  made: 'holds more than one answer may',
};

/** The sentence of a note that says why an answer was cut. */
export function spentText(what: Spent): string {
  return `the question ${WORDS[what]}`;
}

/** The error of a question that is too much for one answer and cannot be answered in part. */
export function exceeded(what: Spent): KitError {
  return new KitError(
    'BUDGET_EXCEEDED',
    `${spentText(what)}, and it cannot be answered in part; ask for a smaller window or range`,
  );
}

/** Whether an error ends the question and says nothing of what was read: the budget is used up, or nobody waits. */
export function isOfQuestion(error: unknown): boolean {
  return KitError.is(error) && (error.code === 'BUDGET_EXCEEDED' || error.code === 'CLIENT_GONE');
}

/** For the `catch` of a read that may fail: nothing, unless it is the question that ended. */
export function unlessEnded(error: unknown): undefined {
  if (isOfQuestion(error)) throw error;
}

/**
 * The result of work that cannot be answered in part.
 *
 * @throws KitError `BUDGET_EXCEEDED` with a sentence of its own, which goes on after "the question takes …, and".
 */
export async function orExceeded<T>(budget: Budget, sentence: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!KitError.is(cause) || cause.code !== 'BUDGET_EXCEEDED') throw cause;
    throw new KitError('BUDGET_EXCEEDED', `${spentText(budget.spent() ?? 'time')}, and ${sentence}`, { cause });
  }
}

function goneError({ reason }: AbortSignal): KitError {
  return KitError.is(reason) ? reason : new KitError('CLIENT_GONE', undefined, { cause: reason });
}
