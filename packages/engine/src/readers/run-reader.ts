import { setPriority } from 'node:os';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';

import { KitError } from '@pik/schema';

import type { Cancellation } from '../api/pipeline.ts';
import { compactPipeline, investigatePipeline, processPipeline, replayPipeline } from '../api/pipeline-parts.ts';
import { createQuestionContext } from '../api/question-context.ts';
import { openLocalReader } from '../backends/local/open-reader.ts';
import { answerRouted, type RoutedPipeline } from '../http/answer-routed.ts';
import type { Backend, Clock } from '../ports/backend.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Context } from '../runtime/context.ts';
import { contextOfFacts } from '../runtime/question-facts.ts';
import { anyFlag } from './flag.ts';
import type { ReaderSetup, ToReader } from './messages.ts';
import { withRemoteWrites } from './remote-writes.ts';
import { createSentAnswers, type Post } from './sent-answers.ts';
import { createSentWrites, type SentWrites } from './sent-writes.ts';
import { type AnswerSettings, settingsText } from './settings.ts';

/** The directory that a reader thread reads, and the settings of its answers. */
export interface RunReaderOptions extends AnswerSettings {
  /** The data directory, which the process has open with `isShared`. */
  readonly dir: string;
  /** Default: the clock of the machine. */
  readonly clock?: Clock | undefined;
  /** Replaces the backend by one around it, for tests. */
  readonly around?: ((backend: Backend) => Backend) | undefined;
}

/** Below ingest and above nothing: of the levels from -20 to 19, 0 is normal. */
const PRIORITY = 10;

/**
 * Runs this thread as a reader: it answers questions until the process stops it, and leaves writes to the first thread. Call it in
 * the module of `openReaders`.
 *
 * @example
 * import { runReader } from '@pik/engine/local';
 *
 * runReader({ dir: '.pik' });
 */
export function runReader({ dir, clock, around = (backend) => backend, ...settings }: RunReaderOptions): void {
  const port = parentPort;
  if (port === null) throw new KitError('INTERNAL', 'a reader needs a thread of its own');
  lowerPriority();
  const post: Post = (message, transfer = []) => port.postMessage(message, transfer);
  const writes = createSentWrites(post);
  const backend = around(withRemoteWrites(openLocalReader({ dir, clock }), writes.send));
  const context = createQuestionContext({ backend, telemetry: sentTelemetry(post), ...settings });
  serve(port, { context, post, writes, ...(workerData as ReaderSetup) });
  post({ type: 'ready', settings: settingsText(settings) });
}

interface Serving extends ReaderSetup {
  readonly context: Context;
  readonly post: Post;
  readonly writes: SentWrites;
}

/** A message that asks for work. */
type Done = ToReader & { type: 'ask' | 'work' | 'compact' };

/** Answers the questions that come over the port. After a `stop` the thread ends as soon as nothing runs. */
function serve(port: MessagePort, { context, post, writes, stopFlag }: Serving): void {
  const answers = createSentAnswers(post);
  let running = 0;
  let isStopping = false;
  const ask = async ({ id, question, facts, timeMs, goneFlag }: ToReader & { type: 'ask' }) => {
    const options = { signal: cancellation(anyFlag(goneFlag, stopFlag)), timeMs };
    answers.send(id, await answerRouted(routedPipeline(contextOfFacts(context, facts)), question, options));
  };
  const work = async ({ id, facts, options, stoppingFlag }: ToReader & { type: 'work' }) => {
    const isStopping = anyFlag(stoppingFlag, stopFlag);
    const result = await processPipeline(contextOfFacts(context, facts)).work({ ...options, isStopping });
    post({ type: 'worked', id, result });
  };
  const compact = async ({ id, facts, options }: ToReader & { type: 'compact' }) => {
    const stop = anyFlag(stopFlag);
    const result = await compactPipeline(contextOfFacts(context, facts)).compact({ ...options, stop });
    post({ type: 'compacted', id, result });
  };
  const doneOf = (message: Done) => {
    if (message.type === 'ask') return ask(message);
    return message.type === 'work' ? work(message) : compact(message);
  };
  const run = async (message: Done) => {
    running += 1;
    await doneOf(message).catch((error) => answers.fail(message.id, error));
    running -= 1;
  };
  const act = async (message: ToReader) => {
    if (message.type === 'ask' || message.type === 'work' || message.type === 'compact') await run(message);
    else if (message.type === 'written' || message.type === 'refused') writes.settle(message);
    else if (message.type === 'pull') await answers.piece(message.id);
    else if (message.type === 'cancel') await answers.cancel(message.id);
    else isStopping = true;
    if (!isStopping || running > 0 || answers.streams > 0) return;
    await context.backend.close();
    port.close();
  };
  port.on('message', (message: ToReader) => void act(message));
}

function cancellation(isSet: () => boolean): Cancellation {
  return {
    get aborted() {
      return isSet();
    },
    reason: undefined,
  };
}

/** On Linux this concerns the calling thread alone; elsewhere it would slow down the whole process. */
function lowerPriority(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, PRIORITY);
  } catch {
    // Without it the operating system shares the processor evenly.
  }
}

function sentTelemetry(post: Post): Telemetry {
  return {
    count: (...args) => post({ type: 'count', args }),
    observe: (...args) => post({ type: 'observe', args }),
    log: (...args) => post({ type: 'log', args }),
  };
}

function routedPipeline(context: Context): RoutedPipeline {
  return { ...investigatePipeline(context), ...replayPipeline(context) };
}
