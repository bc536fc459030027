import type { CompactOptions, CompactSummary, QuestionFacts, WorkOptions, WorkResult } from '../api/pipeline.ts';
import type { Answer, RoutedQuestion } from '../http/call.ts';
import type { LogFields, Telemetry } from '../ports/telemetry.ts';
import type { ErrorMessage } from '../threads/error-message.ts';
import type { Write } from './remote-writes.ts';

// The messages between the thread of ingest and a reader thread. The SharedArrayBuffers are flags, which a thread sees while it
// computes; messages wait for its next turn.

/** Data of a reader thread, in addition to that of its module. */
export interface ReaderSetup {
  /** Set when the thread should end. */
  readonly stopFlag: SharedArrayBuffer;
}

/** To a reader thread. */
export type ToReader =
  | {
      readonly type: 'ask';
      readonly id: number;
      readonly question: RoutedQuestion;
      readonly facts: QuestionFacts;
      readonly timeMs: number;
      /** Set when nobody waits for the answer any more. */
      readonly goneFlag: SharedArrayBuffer;
    }
  /** Takes one message from the queue and processes it; `stoppingFlag` is set when no further window should be started. */
  | {
      readonly type: 'work';
      readonly id: number;
      readonly facts: QuestionFacts;
      readonly options: Omit<WorkOptions, 'isStopping'>;
      readonly stoppingFlag: SharedArrayBuffer;
    }
  /** Closes the hours that are due. */
  | {
      readonly type: 'compact';
      readonly id: number;
      readonly facts: QuestionFacts;
      readonly options: Omit<CompactOptions, 'stop'>;
    }
  /** The result of a write that the thread asked for. */
  | { readonly type: 'written'; readonly id: number; readonly result: unknown }
  | { readonly type: 'refused'; readonly id: number; readonly error: ErrorMessage }
  /** Asks for the next piece of a streamed answer. */
  | { readonly type: 'pull'; readonly id: number }
  /** Ends a streamed answer early. */
  | { readonly type: 'cancel'; readonly id: number }
  /** Ends the thread once it has nothing to do. */
  | { readonly type: 'stop' };

/** The head of an answer, without its body. */
export type AnswerHead = Omit<Answer, 'body'>;

/** From a reader thread. */
export type FromReader =
  /** It can answer questions. `settings` must equal those of the other side. */
  | { readonly type: 'ready'; readonly settings: string }
  | {
      readonly type: 'answer';
      readonly id: number;
      readonly head: AnswerHead;
      /** `stream`: the body is asked for piece by piece. */
      readonly body: Uint8Array<ArrayBuffer> | 'stream' | null;
    }
  | { readonly type: 'failed'; readonly id: number; readonly error: ErrorMessage }
  /** A piece of a streamed answer; null at its end. */
  | { readonly type: 'piece'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> | null }
  | { readonly type: 'worked'; readonly id: number; readonly result: WorkResult }
  | { readonly type: 'compacted'; readonly id: number; readonly result: CompactSummary }
  | { readonly type: 'write'; readonly id: number; readonly write: Write }
  | { readonly type: 'count'; readonly args: Parameters<Telemetry['count']> }
  | { readonly type: 'observe'; readonly args: Parameters<Telemetry['observe']> }
  | { readonly type: 'log'; readonly args: [level: 'info' | 'warn' | 'error', event: string, fields: LogFields] };
