import { LIMITS } from '@pik/schema';

import type { CompactOptions, CompactSummary } from '../api/pipeline.ts';
import type { ReadersOptions } from './open-readers.ts';
import { startReaderThread } from './reader-thread.ts';
import { doWrite } from './remote-writes.ts';

/** How a thread that closes hours is started. */
export type CompactThreadOptions = Omit<ReadersOptions, 'threads' | 'settings'>;

/** A compaction that runs on its own thread. */
export interface RunningCompaction {
  /** Rejects with `READER_LOST` if the thread ends before. */
  readonly done: Promise<CompactSummary>;
  /** Ends the compaction before its next hour. */
  stop(): void;
}

/**
 * Closes hours on a thread that ends afterwards, so that neither ingest nor questions wait for the encoding of columns. Its writes are
 * those of the thread that owns the directory.
 */
export function startCompaction(
  options: CompactThreadOptions,
  selection: Omit<CompactOptions, 'stop'> = {},
): RunningCompaction {
  const { pipeline, backend, telemetry, module, data = {} } = options;
  const { heapBytesMax = LIMITS.reader_heap_bytes_max } = options;
  const write = (asked: Parameters<typeof doWrite>[1]) => doWrite(backend, asked);
  const thread = startReaderThread({ module, data, heapBytesMax, telemetry, write });
  const run = async () => {
    try {
      await thread.ready;
      return await thread.compact({ facts: await pipeline.questionFacts(), options: selection });
    } finally {
      thread.stop();
      await thread.ended;
    }
  };
  return { done: run(), stop: () => thread.stop() };
}
