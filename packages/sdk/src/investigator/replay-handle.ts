import { counted, type DeadLetterPage, KitError, LIMITS, type ReplayAnswer, type ReplayView } from '@pik/schema';
import { setOwnTimeout } from '@pik/schema/events';
import { refuseAborted, unlessAborted } from '../connection/connection.ts';
import { type Asking, ask, type CallOptions } from './ask.ts';

/** How far a replay has come, summed over its calls by this process. */
export interface ReplayProgress {
  readonly replay_id: string;
  readonly scanned: number;
  readonly sent: number;
  readonly messages: number;
}

/** What a replay sent in the end. */
export interface ReplayResult extends ReplayProgress {
  readonly as_of: string;
  readonly notes: readonly string[];
}

/**
 * A replay under way. It is not thenable, so that an `async` function can return it without waiting for the whole of it;
 * any process can go on with it by its id.
 */
export interface ReplayHandle {
  readonly replay_id: string;
  /** What was sent, when all of it is. Rejects with the KitError that stopped the walk, `REPLAY_CANCELLED` among them. */
  result(): Promise<ReplayResult>;
  /** Sends nothing more; windows that were touched are computed again all the same. Safe to repeat. */
  cancel(options?: CallOptions): Promise<ReplayView>;
  /** The record, and how many of the windows that it touched were computed again by now. */
  status(options?: CallOptions): Promise<ReplayView>;
  /**
   * Waits until every touched window is computed again. Throws KitError `WINDOWS_FAILED` as soon as all that is left open
   * lies with the dead letters (`status()` then names the windows and why), and `NOT_PROCESSED` when `timeoutMs` (default
   * 60,000) have passed: is a worker running?
   */
  processed(options?: CallOptions & { timeoutMs?: number | undefined }): Promise<ReplayView>;
}

/** How a replay is driven. */
export interface ReplayDrive extends CallOptions {
  /** Called after each part that was sent. */
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined;
}

const POLL_MS = 50;

/** Starts to walk a replay, from its first part or from where another process left it. */
export function driveReplay(
  asking: Asking,
  start: { replayId: string; body: object; cursor: string | undefined },
  drive: ReplayDrive,
): ReplayHandle {
  const walked = walk(asking, start, drive);
  // Whoever asks for the result is told; without anybody it must not end the process.
  walked.catch(() => undefined);
  const params = { replay_id: start.replayId };
  const status = (options: CallOptions = {}) => ask<ReplayView>(asking, 'replayById', { params, ...options });
  return {
    replay_id: start.replayId,
    result: () => walked,
    cancel: (options = {}) => ask(asking, 'replayCancel', { params, ...options }),
    status,
    async processed({ timeoutMs = 60_000, ...options } = {}) {
      const { signal } = options;
      await orAborted(signal, walked);
      const endMs = performance.now() + timeoutMs;
      for (;;) {
        const view = await status(options);
        if (view.windows.done >= view.windows.touched) return view;
        if (view.windows.done + view.windows.failed >= view.windows.touched) throw windowsFailed(view);
        if (performance.now() > endMs) throw await notProcessed(asking, view, options);
        const pause = new Promise<void>((resolve) => void setOwnTimeout(resolve, POLL_MS));
        await orAborted(signal, pause);
      }
    },
  };
}

/** Waits for what may take long, until the signal aborts. */
async function orAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  try {
    return await unlessAborted(signal, () => work);
  } catch (cause) {
    refuseAborted(signal);
    throw cause;
  }
}

function windowsFailed({ windows: { failed, touched }, failures: [first] }: ReplayView): KitError {
  const reason = first === undefined ? '' : `: ${first.code}: ${first.detail}`;
  const text = `${failed} of ${counted(touched, 'window')} could not be computed${reason}`;
  return new KitError('WINDOWS_FAILED', text);
}

/** A message that ended its process lies with the dead letters too, and nobody was left to note it with its windows. */
async function notProcessed(asking: Asking, view: ReplayView, { signal }: CallOptions): Promise<KitError> {
  const { touched, done } = view.windows;
  const query = { limit: LIMITS.page_items_max };
  const dead = await ask<DeadLetterPage>(asking, 'deadLetters', { query, signal }).then(
    ({ dead_letters }) => dead_letters.filter(({ replay_id }) => replay_id === view.replay_id),
    () => [],
  );
  refuseAborted(signal);
  const why = dead.map(({ code, detail }) => `; ${counted(dead.length, 'dead letter')}: ${code}: ${detail}`)[0] ?? '';
  return new KitError('NOT_PROCESSED', `computed again so far: ${done} of ${counted(touched, 'window')}${why}`);
}

async function walk(
  asking: Asking,
  { replayId, body, cursor: from }: { replayId: string; body: object; cursor: string | undefined },
  { signal, onProgress }: ReplayDrive,
): Promise<ReplayResult> {
  const sum = { replay_id: replayId, scanned: 0, sent: 0, messages: 0 };
  const notes: string[] = [];
  let cursor = from;
  for (;;) {
    const part: object = cursor === undefined ? { ...body, replay_id: replayId } : { replay_id: replayId, cursor };
    const answer = await ask<ReplayAnswer>(asking, 'replay', { body: part, signal });
    sum.scanned += answer.scanned;
    sum.sent += answer.sent;
    sum.messages += answer.messages;
    for (const one of answer.notes) notes.push(one);
    refuseAborted(signal);
    onProgress?.({ ...sum });
    if (answer.next_cursor === null) return { ...sum, as_of: answer.as_of, notes };
    cursor = answer.next_cursor;
  }
}
