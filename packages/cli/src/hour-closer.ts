import type { Pipeline } from '@pik/engine';
import { type CompactThreadOptions, type RunningCompaction, startCompaction } from '@pik/engine/local';
import { floorToHour } from '@pik/schema';

/** Closes the hours of a served directory, once per hour. */
export interface HourCloser {
  /** Closes what is due unless that has been done in this hour, or is being done. Called after each sweep. */
  tick(): void;
  /** Ends a running compaction before its next hour, and waits for it. */
  stop(): Promise<void>;
}

/** The parts of a server that closes hours. */
export interface HourCloserParts {
  readonly pipeline: Pick<Pipeline, 'compact'>;
  /** Starts a thread for it; null: it runs on the thread of ingest, between requests. */
  readonly thread: CompactThreadOptions | null;
  readonly telemetry: { log(level: 'error', event: string, fields: object): void };
  /** Called after each compaction that ended well, and waited for. */
  readonly onCompacted: () => Promise<void>;
  /** Default: the clock of the machine. */
  readonly now?: (() => number) | undefined;
}

/** Creates the closer of a server. A compaction that fails is repeated after the next sweep. */
export function createHourCloser({
  pipeline,
  thread,
  telemetry,
  onCompacted,
  now = Date.now,
}: HourCloserParts): HourCloser {
  let doneHour: number | null = null;
  let isStopping = false;
  let running: { readonly ended: Promise<void>; readonly stop: () => void } | null = null;
  const start = (): RunningCompaction =>
    thread === null ? { done: pipeline.compact({ stop: () => isStopping }), stop() {} } : startCompaction(thread);
  const run = async ({ done }: RunningCompaction, hour: number) => {
    try {
      const { hours_waiting } = await done;
      // An hour that waits for a pack is tried again.
      if (hours_waiting === 0) doneHour = hour;
      await onCompacted();
    } catch (error) {
      if (!isStopping) telemetry.log('error', 'compact_failed', { error: String(error) });
    } finally {
      running = null;
    }
  };
  return {
    tick() {
      const hour = floorToHour(now());
      if (running !== null || isStopping || hour === doneHour) return;
      const compaction = start();
      running = { ended: run(compaction, hour), stop: compaction.stop };
    },
    async stop() {
      isStopping = true;
      running?.stop();
      await running?.ended;
    },
  };
}
