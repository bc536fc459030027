/** Runs a piece of work when its turn has come. */
export type Limiter = <T>(work: () => Promise<T>) => Promise<T>;

/** Creates a limiter: at most `runningMax` pieces of work run at a time, and the others wait in order of their calls. */
export function createLimiter(runningMax: number): Limiter {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    // A slot passes straight to the next waiter: if it were freed and taken again, a new call could slip in between.
    if (running < runningMax) running += 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
}
