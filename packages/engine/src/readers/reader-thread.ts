import type { KitError } from '@pik/schema';

import type { CompactSummary, QuestionFacts, WorkResult } from '../api/pipeline.ts';
import type { Answer, RoutedQuestion } from '../http/call.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { toErrorMessage } from '../threads/error-message.ts';
import { startThread } from '../threads/own-thread.ts';
import { createAwaitedAnswers } from './awaited-answers.ts';
import { createFlag, setFlag } from './flag.ts';
import type { FromReader, ReaderSetup, ToReader } from './messages.ts';
import type { Write } from './remote-writes.ts';

/** One question with what a thread needs to answer it. */
export interface ThreadQuestion {
  readonly question: RoutedQuestion;
  readonly facts: QuestionFacts;
  readonly timeMs: number;
  readonly goneFlag: SharedArrayBuffer;
}

/** How a thread takes a message from the queue. */
export type ThreadWork = Omit<ToReader & { type: 'work' }, 'type' | 'id'>;

/** How a thread closes hours. */
export type ThreadCompaction = Omit<ToReader & { type: 'compact' }, 'type' | 'id'>;

/** A running reader thread. */
export interface ReaderThread {
  /** Resolves with the settings that it answers by; rejects if it ends before. */
  readonly ready: Promise<string>;
  /** Resolves when the thread has ended, with the error that all of its questions then get. */
  readonly ended: Promise<KitError>;
  /** Questions that have no answer yet. */
  readonly running: number;
  /** Rejects with `READER_LOST` if the thread ends before it has answered. */
  ask(asked: ThreadQuestion): Promise<Answer>;
  /** Lets the thread take a message from the queue. Rejects like `ask`. */
  work(work: ThreadWork): Promise<WorkResult>;
  /** Lets the thread close hours. Rejects like `ask`. */
  compact(compaction: ThreadCompaction): Promise<CompactSummary>;
  /** Ends the thread: questions that still run are given up. It never ends while it reads. */
  stop(): void;
}

/** How a thread is started. */
export interface ThreadOptions {
  /** The module that calls `runReader`. */
  readonly module: URL;
  /** Data for that module. */
  readonly data: object;
  readonly heapBytesMax: number;
  readonly telemetry: Telemetry;
  /** Does a write that the thread asks for. */
  readonly write: (write: Write) => Promise<unknown>;
}

/** Starts a reader thread. */
export function startReaderThread({ module, data, heapBytesMax, telemetry, write }: ThreadOptions): ReaderThread {
  const stopFlag = createFlag();
  const answers = createAwaitedAnswers((message) => post(message));
  let lastId = 0;
  const answerWrite = ({ id, write: asked }: FromReader & { type: 'write' }) =>
    write(asked).then(
      (result) => post({ type: 'written', id, result }),
      (error: unknown) => post({ type: 'refused', id, error: toErrorMessage(error) }),
    );
  const receive = (message: FromReader) => {
    if (message.type === 'ready') begin(message.settings);
    else if (message.type === 'count') telemetry.count(...message.args);
    else if (message.type === 'observe') telemetry.observe(...message.args);
    else if (message.type === 'log') telemetry.log(...message.args);
    else if (message.type === 'write') void answerWrite(message);
    else answers.receive(message);
  };
  const { ready, ended, begin, post } = startThread<FromReader, ToReader, string>({
    ...{ name: 'pik-reader', module, heapBytesMax, lostCode: 'READER_LOST' },
    data: { ...data, stopFlag } satisfies ReaderSetup,
    onMessage: receive,
    onLost: answers.lose,
  });
  return {
    ready,
    ended,
    get running() {
      return answers.count;
    },
    ask(asked) {
      lastId += 1;
      const answer = answers.add(lastId);
      post({ type: 'ask', id: lastId, ...asked });
      return answer;
    },
    work(work) {
      lastId += 1;
      const result = answers.addWork(lastId);
      post({ type: 'work', id: lastId, ...work });
      return result;
    },
    compact(compaction) {
      lastId += 1;
      const result = answers.addCompaction(lastId);
      post({ type: 'compact', id: lastId, ...compaction });
      return result;
    },
    stop() {
      setFlag(stopFlag);
      post({ type: 'stop' });
    },
  };
}
