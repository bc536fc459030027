import { Worker } from 'node:worker_threads';

import { KitError } from '@pik/schema';

/** How a thread is started. */
export interface OwnThreadOptions<In> {
  readonly name: string;
  readonly module: URL;
  /** Data for that module, which finds it in `workerData`. */
  readonly data: object;
  readonly heapBytesMax: number;
  /** Code of the error that everything then gets which the thread still owes. */
  readonly lostCode: 'READER_LOST' | 'PARSER_LOST';
  /** Called with each message. */
  onMessage(message: In): void;
  /** Called when the thread has ended. */
  onLost(lost: KitError): void;
}

/** A running thread, and how it begins and ends. */
export interface OwnThread<Out, Ready> {
  /** Rejects with the code of its loss if the thread ends before `begin` is called. */
  readonly ready: Promise<Ready>;
  /** Resolves when the thread has ended, with the error that all of its work then gets. */
  readonly ended: Promise<KitError>;
  /** Resolves `ready`. */
  begin(ready: Ready): void;
  post(message: Out): void;
}

/** A young generation as large as Node's default would add some 100 MB per thread. */
const YOUNG_MB_MAX = 24;
const BYTES_PER_MB = 1024 * 1024;

/** Starts a thread with a limited heap. */
export function startThread<In, Out, Ready = void>(options: OwnThreadOptions<In>): OwnThread<Out, Ready> {
  const { name, module, data, heapBytesMax, lostCode, onMessage, onLost } = options;
  const worker = new Worker(module, {
    name,
    workerData: data,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB_MAX, maxOldGenerationSizeMb: heapBytesMax / BYTES_PER_MB },
  });
  const ready = Promise.withResolvers<Ready>();
  const ended = Promise.withResolvers<KitError>();
  // Nobody may be waiting for it when the thread ends.
  ready.promise.catch(() => {});
  let cause: unknown;
  worker.on('message', onMessage);
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('exit', () => {
    const lost = new KitError(lostCode, undefined, { cause });
    ready.reject(lost);
    onLost(lost);
    ended.resolve(lost);
  });
  return {
    ready: ready.promise,
    ended: ended.promise,
    begin: ready.resolve,
    post: (message) => worker.postMessage(message),
  };
}
