import { availableParallelism } from 'node:os';

import { KitError, LIMITS } from '@pik/schema';

/** Data of the module of a thread for questions. */
export interface ReaderData {
  readonly dir: string;
  /** The config file, which each thread loads by itself. */
  readonly config: string | undefined;
}

/** The module of a thread for questions. */
export const READER_MODULE = moduleNamed('reader');

/** The module of a thread that parses. */
export const PARSER_MODULE = moduleNamed('parser');

/** A module next to this one, in the sources as in the package. */
function moduleNamed(name: string): URL {
  return new URL(`./${name}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
}

/**
 * The number of threads for questions: one, or two on a machine where the second does not take ingest's processor.
 *
 * @throws KitError `CONFIG_INVALID`.
 */
export function readerThreads(given: string | undefined): number {
  if (given === undefined) return availableParallelism() > 2 ? 2 : 1;
  return threadsOf({ option: '--readers', given, max: LIMITS.reader_threads_max });
}

/** Threads for parsing by default, however many processors there are: beyond them, one thread that decides is the bound. */
const PARSERS_MAX = 4;

/**
 * The number of threads that parse requests: one processor stays for the thread that decides; with one there are none.
 *
 * @throws KitError `CONFIG_INVALID`.
 */
export function parserThreads(given: string | undefined): number {
  if (given === undefined) return Math.min(PARSERS_MAX, availableParallelism() - 1);
  return threadsOf({ option: '--parsers', given, max: LIMITS.parser_threads_max });
}

function threadsOf({ option, given, max }: { option: string; given: string; max: number }): number {
  const threads = Number(given);
  if (!Number.isInteger(threads) || threads < 0 || threads > max)
    throw new KitError('CONFIG_INVALID', `${option} ${given} is not a number of threads from 0 to ${max}`);
  return threads;
}
