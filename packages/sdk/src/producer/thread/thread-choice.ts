import { hasVirtualTime, hostModule } from '@pik/schema/events';
import type { ConnectionOptions } from '../../connection/connection.ts';
import { isUsualRoute } from '../post-node.ts';
import type { Settings, ThreadMode } from '../settings.ts';
import type { ThreadTarget } from './messages.ts';

interface Host {
  readonly Deno?: unknown;
  readonly document?: unknown;
  readonly process?: {
    readonly versions?: Readonly<Record<string, string | undefined>>;
    readonly env?: Readonly<Record<string, string | undefined>>;
  };
}

/** When a producer starts to use a thread. `obstacle`: why it never does although it was asked to; null without one. */
export interface ThreadPlan {
  readonly when: 'at once' | 'when it pays' | 'never';
  readonly obstacle: string | null;
}

/** When a producer of this mode and connection starts to use a thread in this environment. */
export function planThread(mode: ThreadMode, connection: ConnectionOptions): ThreadPlan {
  if (mode === 'never' || (mode === 'auto' && !mayStartByItself())) return { when: 'never', obstacle: null };
  const obstacle = obstacleOf(connection);
  // Nobody who leaves the choice to `auto` expects a thread everywhere.
  if (obstacle !== null) return { when: 'never', obstacle: mode === 'always' ? obstacle : null };
  return { when: mode === 'always' ? 'at once' : 'when it pays', obstacle };
}

/** Whether requests take the same route from another thread at this moment. */
export function mayLeaveNow({ url }: ConnectionOptions): boolean {
  return isUsualRoute(url);
}

/** The target of a producer's requests, for a thread. */
export function threadTarget(connection: ConnectionOptions, settings: Settings): ThreadTarget {
  const { requestTimeoutMs, gzipBytesMin } = settings;
  return { url: connection.url, apiKey: connection.apiKey, requestTimeoutMs, gzipBytesMin };
}

function obstacleOf({ fetch }: ConnectionOptions): string | null {
  const { process, Deno, document } = globalThis as unknown as Host;
  if (fetch !== undefined) return 'a function `fetch` cannot be given to a thread';
  if (process?.versions?.node === undefined || process.versions.bun !== undefined || Deno !== undefined)
    return 'only Node has the threads that a producer uses';
  if (document !== undefined) return 'this environment imitates a browser';
  if (hasVirtualTime()) return 'the timers are replaced, and a thread has others';
  return hostModule('node:worker_threads') === null ? 'this version of Node cannot load worker threads later' : null;
}

/** Variables of environments in which `auto` starts no thread: frozen between calls, or made for tests. */
const QUIET_VARIABLES = ['AWS_LAMBDA_FUNCTION_NAME', 'VITEST', 'JEST_WORKER_ID', 'NODE_TEST_CONTEXT'];

/** Whether `auto` starts a thread in this environment at all. */
function mayStartByItself(): boolean {
  const env = (globalThis as unknown as Host).process?.env ?? {};
  return env.NODE_ENV !== 'test' && QUIET_VARIABLES.every((name) => env[name] === undefined);
}

/** Events per second from which a thread pays: with an outbox the same event takes longer. */
const PAYING_PER_S = { alone: 1_000, outbox: 250 };
/** Seconds in a row with that rate. */
const SECONDS = 3;
const SECOND_MS = 1_000;

/** Notices when events have come fast enough, for some seconds, for a thread to pay. */
export class EventRate {
  readonly #payingPerS: number;
  #secondMs: number;
  #count = 0;
  #busySeconds = 0;

  constructor(hasOutbox: boolean, nowMs: number) {
    this.#payingPerS = hasOutbox ? PAYING_PER_S.outbox : PAYING_PER_S.alone;
    this.#secondMs = nowMs;
  }

  /** Counts events that leave the queue. Returns true once a thread pays. */
  add(count: number, nowMs: number): boolean {
    this.#count += count;
    const passedMs = nowMs - this.#secondMs;
    if (passedMs < SECOND_MS) return false;
    const isBusy = (this.#count * SECOND_MS) / passedMs >= this.#payingPerS;
    this.#busySeconds = isBusy ? this.#busySeconds + passedMs / SECOND_MS : 0;
    this.#count = 0;
    this.#secondMs = nowMs;
    return this.#busySeconds >= SECONDS;
  }
}
