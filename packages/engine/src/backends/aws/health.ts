import type { Calls } from './calls.ts';
import type { Table } from './table.ts';
import type { Timing } from './timing.ts';

/** Knows whether the index answers, by the recent calls of this process or else by a request of its own. */
export interface Health {
  /** Rejects while the index does not answer. */
  ping(): Promise<void>;
  /** Runs a port call and remembers whether the index answered. */
  watch<T>(work: () => Promise<T>): Promise<T>;
}

/** How long an answer proves that the index works. Under load, no ping needs a request of its own. */
const SPEAKS_MS = 30_000;

/** Creates the health of one process; it starts as unknown. */
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
