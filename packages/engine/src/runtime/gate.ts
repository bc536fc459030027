/** Lets so many pieces of work run at a time; the others wait in the order in which they came. */
export function createGate(runningMax: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    // A place is handed over, not freed and taken again, so that nobody slips in between.
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
