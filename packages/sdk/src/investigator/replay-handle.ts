import { counted, type DeadLetterPage, KitError, LIMITS, type ReplayAnswer, type ReplayView } from '@pik/schema';
import { setOwnTimeout } from '@pik/schema/events';
import { refuseAborted, unlessAborted } from '../connection/connection.ts';
import { type Asking, ask, type CallOptions } from './ask.ts';

/** Progress of a replay, summed over the calls of this process. */
export interface ReplayProgress {
  readonly replay_id: string;
  readonly scanned: number;
  readonly sent: number;
  readonly messages: number;
}

/** Result of a replay. */
export interface ReplayResult extends ReplayProgress {
  readonly as_of: string;
  readonly notes: readonly string[];
}

/**
 * A running replay. It is not thenable, so that an `async` function can return it without waiting for its end. Any
 * process can resume it by its id.
 */
export interface ReplayHandle {
  readonly replay_id: string;
  /**
   * Resolves when everything is sent. Rejects with the KitError that stopped the replay, such as `REPLAY_CANCELLED`.
   */
  result(): Promise<ReplayResult>;
  /** Stops sending. Windows that were already touched are still recomputed. Safe to repeat. */
  cancel(options?: CallOptions): Promise<ReplayView>;
  /** The record of the replay, with how many touched windows are recomputed. */
  status(options?: CallOptions): Promise<ReplayView>;
  /**
   * Waits until every touched window is recomputed. Throws KitError `WINDOWS_FAILED` as soon as all remaining windows
   * are among the dead letters (`status()` then lists them with the reason), and `NOT_PROCESSED` after `timeoutMs`
   * (default 60,000): is a worker running?
   */
  processed(options?: CallOptions & { timeoutMs?: number | undefined }): Promise<ReplayView>;
}

/** Options of a running replay. */
export interface ReplayDrive extends CallOptions {
  /** Called after each part that was sent. */
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined;
}

const POLL_MS = 50;

/** Starts sending a replay, from its first part or from where another process left it. */
export function driveReplay(
  asking: Asking,
  start: { replayId: string; body: object; cursor: string | undefined },
  drive: ReplayDrive,
): ReplayHandle {
  const walked = walk(asking, start, drive);
  // Callers of `result` get the rejection; without one it must not end the process.
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

/** Waits for a promise until the signal aborts. */
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

/** A message that crashed its worker is among the dead letters too, but not noted with its windows. */
async function notProcessed(asking: Asking, view: ReplayView, { signal }: CallOptions): Promise<KitError> {
  const { touched, done } = view.windows;
  const query = { limit: LIMITS.page_items_max };
  const dead = await ask<DeadLetterPage>(asking, 'deadLetters', { query, signal }).then(
    ({ dead_letters }) => dead_letters.filter(({ replay_id }) => replay_id === view.replay_id),
    () => [],
  );
  refuseAborted(signal);
  const why = dead.map(({ code, detail }) => `; ${counted(dead.length, 'dead letter')}: ${code}: ${detail}`)[0] ?? '';
  return new KitError('NOT_PROCESSED', `recomputed so far: ${done} of ${counted(touched, 'window')}${why}`);
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
