import type { Calls } from './calls.ts';
import type { Table } from './table.ts';
import type { Timing } from './timing.ts';

/** Whether the index answers: what this process saw last, and only where that says nothing a request of its own. */
export interface Health {
  /** Rejects while the index does not answer. */
  ping(): Promise<void>;
  /** Runs a port call and remembers whether the index answered. */
  watch<T>(work: () => Promise<T>): Promise<T>;
}

/** How long an answer speaks for the index. Under load every ping is told from the writes around it. */
const SPEAKS_MS = 30_000;

/** Of one process, which starts out not knowing. */
export function createHealth(table: Table, { calls, timing }: { calls: Calls; timing: Timing }): Health {
  let answeredMs = Number.NEGATIVE_INFINITY;
  const watch = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      const result = await work();
      answeredMs = timing.nowMs();
      return result;
    } catch (error) {
      answeredMs = Number.NEGATIVE_INFINITY;
      throw error;
    }
  };
  return {
    watch,
    async ping() {
      if (timing.nowMs() - answeredMs <= SPEAKS_MS) return;
      await watch(() => calls.run((deadline) => table.get(deadline, { pk: 'M#marks', sk: 'ping' })));
    },
  };
}
