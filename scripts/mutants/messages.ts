import 'vitest';

declare module 'vitest' {
  interface ProvidedContext {
    readonly channel: string;
    readonly testFiles: readonly string[];
  }
}

/** Tests that pass without a mutant, each with the milliseconds of its first and of its quickest run. */
export interface KnownTests {
  readonly tests: readonly (readonly [id: string, ms: number, leastMs: number])[];
}

/** The result of a run of all tests without a mutant. */
export interface DryRun extends KnownTests {
  readonly failed: readonly (readonly [id: string, failure: string])[];
  /** How often each mutant was reached: while modules were loaded, and by each test. */
  readonly mutantCoverage: {
    readonly static: Record<string, number>;
    readonly perTest: Record<string, Record<string, number>>;
  };
}

/** A mutant to try. */
export interface Asked {
  readonly id: string;
  readonly file: string;
  readonly hitLimit?: number | undefined;
  /** The tests that reach it; absent to run all tests. */
  readonly tests?: ReadonlySet<string> | undefined;
  /** Whether it lies in code that runs when its module is loaded. */
  readonly isStatic: boolean;
  /** A test that took too long with this mutant: it runs without it first, in case it was the worker that was slow. */
  readonly first?: string | undefined;
}

/** The result for a mutant. */
export interface Answer {
  readonly status: 'killed' | 'survived' | 'timeout';
  readonly killer: string | null;
  readonly failure: string | null;
  readonly ran: number;
  readonly leftOut: number;
  /** Whether to replace the worker, since work of this mutant may still run in it. */
  readonly isSpent: boolean;
  /** Whether a test took too long, which may be due to the setup that it shares with other tests: to be tried once more. */
  readonly isSlow: boolean;
}
