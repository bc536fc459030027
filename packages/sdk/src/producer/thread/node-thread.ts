import { hostModule, runOwnWork } from '@pik/schema/events';

import type { FromThread, ThreadReady } from './messages.ts';
import type { ThreadHandle } from './posting-thread.ts';

/** The part of `node:worker_threads` that is used. */
interface WorkerThreads {
  readonly Worker?: new (file: URL | string, options: object) => NodeWorker;
}

interface NodeWorker {
  on(event: 'message', listener: (message: FromThread | ThreadReady) => void): void;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'exit', listener: (code: number) => void): void;
  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void;
  ref(): void;
  unref(): void;
  terminate(): Promise<number>;
}

interface NodeProcess {
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Heap of the thread, in megabytes: batches of the largest size fit, and what it takes from the machine is bounded. */
const HEAP_MB = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 8 };

/**
 * The options of Node that affect requests and that a worker may have. All others stay behind: those that load code would
 * run a service's instrumentation in a thread that does not belong to it.
 */
const NETWORK_OPTION =
  /^--(dns-result-order=|network-family-autoselection-attempt-timeout=|max-http-header-size=|(no-)?network-family-autoselection$|insecure-http-parser$|tls-(min|max)-v)/;

/** Starts a Node worker with the file next to this one. Throws if Node refuses. */
export function startNodeThread(): ThreadHandle {
  const { Worker } = hostModule<WorkerThreads>('node:worker_threads') ?? {};
  if (Worker === undefined) throw new Error('this platform has no worker threads');
  const { execArgv, env } = (globalThis as unknown as { process: NodeProcess }).process;
  const { NODE_OPTIONS = '', ...rest } = env;
  const options = {
    name: 'pik producer',
    env: rest,
    execArgv: [...execArgv, ...NODE_OPTIONS.split(/\s+/)].filter((option) => NETWORK_OPTION.test(option)),
    resourceLimits: HEAP_MB,
  };
  // Its messages must not run in the async context of the emit that starts the thread.
  return runOwnWork(() => handleOf(new Worker(threadFile(), options)));
}

function handleOf(worker: NodeWorker): ThreadHandle {
  let error: Error | null = null;
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    listen({ onMessage, onReady, onEnd }) {
      worker.on('message', (message) => ('ready' in message ? onReady() : onMessage(message)));
      worker.on('error', (cause) => {
        error = cause;
      });
      worker.on('exit', (code) => onEnd(error?.message ?? `the thread ended with ${code}`));
      // After the listener of messages, which holds the process.
      worker.unref();
    },
    hold: (isHeld) => (isHeld ? worker.ref() : worker.unref()),
    stop: () => void worker.terminate(),
  };
}

/** `producer-thread` next to the file that this code was built into, which is a URL in ES modules and a path in others. */
function threadFile(): URL | string {
  const own = import.meta.url;
  const file = own.replace(/[^/\\]*?(\.[cm]?[jt]s)?$/, 'producer-thread$1');
  return file.startsWith('file:') ? new URL(file) : file;
}
