import { availableParallelism } from 'node:os';

import { KitError, LIMITS } from '@pik/schema';

/** Data of the module of a thread for questions. */
export interface ReaderData {
  readonly dir: string;
  /** The config file, which each thread loads by itself. */
  readonly config: string | undefined;
}

/** The module of a thread: next to this one, in the sources as in the package. */
export const READER_MODULE = new URL(import.meta.url.endsWith('.ts') ? './reader.ts' : './reader.js', import.meta.url);

/**
 * The number of threads for questions: one, or two on a machine where the second does not take ingest's processor.
 *
 * @throws KitError `CONFIG_INVALID`.
 */
export function readerThreads(given: string | undefined): number {
  if (given === undefined) return availableParallelism() > 2 ? 2 : 1;
  const threads = Number(given);
  if (!Number.isInteger(threads) || threads < 0 || threads > LIMITS.reader_threads_max)
    throw new KitError(
      'CONFIG_INVALID',
      `--readers ${given} is not a number of threads from 0 to ${LIMITS.reader_threads_max}`,
    );
  return threads;
}
