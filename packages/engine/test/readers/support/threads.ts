import { createPipeline } from '../../../src/api/create-pipeline.ts';
import { openLocalBackend } from '../../../src/backends/local/open.ts';
import { createApp } from '../../../src/http/create-app.ts';
import type { Telemetry } from '../../../src/ports/telemetry.ts';
import { startCompaction } from '../../../src/readers/compact-thread.ts';
import { openReaders, type ReadersOptions } from '../../../src/readers/open-readers.ts';
import { openSignedLog } from '../../../src/signed-log/signed-log.ts';

import { AGGREGATES } from './aggregates.ts';

/** Data of a thread of the tests. */
export interface ThreadData {
  readonly dir: string;
  readonly clockMs: SharedArrayBuffer;
  /** Counts the reads of slices. */
  readonly reads: SharedArrayBuffer;
  /** A thread that asks for the source `stuck` stands still until it is 1. */
  readonly gate: SharedArrayBuffer;
  readonly failsAtStart?: boolean | undefined;
  readonly otherConfig?: boolean | undefined;
}

/** A directory with a pipeline, and two apps over it: one answers questions itself, the other by threads. */
export interface Threads {
  readonly pipeline: ReturnType<typeof createPipeline>;
  readonly clock: { ms: number; now(): number };
  /** One line per log entry: its event. */
  readonly logged: string[];
  readonly here: (request: Request) => Promise<Response>;
  readonly there: (request: Request) => Promise<Response>;
  readonly reads: () => number;
  /** Processes all messages of the queue on a thread. */
  workAll(): Promise<void>;
  /** Closes the running hour on a thread of its own. */
  compact(): ReturnType<typeof startCompaction>;
  /** Closes the running hour, and signs it. */
  sign(): Promise<void>;
  openGate(): void;
  closeReaders(): Promise<void>;
  close(): Promise<void>;
}

/** Opens a directory with reader threads. */
export async function openThreads(
  dir: string,
  options: Partial<Pick<ReadersOptions, 'threads' | 'heapBytesMax'>> & Partial<ThreadData> & { startMs?: number } = {},
): Promise<Threads> {
  const { threads = 1, heapBytesMax, startMs = Date.now(), ...rest } = options;
  const [clockMs, reads, gate] = [8, 4, 4].map((bytes) => new SharedArrayBuffer(bytes)) as SharedBuffers;
  const clock = {
    get ms() {
      return clock.now();
    },
    set ms(ms: number) {
      Atomics.store(new BigInt64Array(clockMs), 0, BigInt(ms));
    },
    now: () => Number(Atomics.load(new BigInt64Array(clockMs), 0)),
  };
  clock.ms = startMs;
  const logged: string[] = [];
  const telemetry: Telemetry = { count() {}, observe() {}, log: (_, event) => logged.push(event) };
  const backend = await openLocalBackend({ dir, clock, isShared: true });
  const settings = { aggregates: AGGREGATES };
  const pipeline = createPipeline({ backend, telemetry, ...settings });
  const data: ThreadData = { dir, clockMs, reads, gate, ...rest };
  const module = new URL('./start-thread.ts', import.meta.url);
  const readers = await openReaders({
    threads,
    heapBytesMax,
    module,
    data,
    settings,
    pipeline,
    backend,
    telemetry,
  }).catch(async (error: unknown) => {
    await pipeline.close();
    throw error;
  });
  const closeReaders = () => readers.close();
  return {
    pipeline,
    clock,
    logged,
    here: createApp({ pipeline, telemetry, now: clock.now }).fetch,
    there: createApp({ pipeline, telemetry, now: clock.now, readers }).fetch,
    reads: () => Atomics.load(new Int32Array(reads), 0),
    async workAll() {
      while ((await readers.work({ retryDelayMs: 0 })) !== 'IDLE');
    },
    compact: () => startCompaction({ module, data, pipeline, backend, telemetry }, { all: true }),
    async sign() {
      await pipeline.compact({ all: true });
      await (await openSignedLog({ backend, keys: backend.logKeys })).closeHours();
    },
    openGate() {
      Atomics.store(new Int32Array(gate), 0, 1);
      Atomics.notify(new Int32Array(gate), 0);
    },
    closeReaders,
    async close() {
      await closeReaders();
      await pipeline.close();
    },
  };
}

type SharedBuffers = [SharedArrayBuffer, SharedArrayBuffer, SharedArrayBuffer];
