import type { DeadLetterRow, MessageFailure, QueuedMessage } from './history-rows.ts';
import type { Page } from './queries.ts';

/** The queue of replay messages: at-least-once delivery, in no guaranteed order. */
export interface ReplayQueue {
  /** Durable on return: each message will be delivered. A message whose id is already waiting may be stored only once. */
  send(messages: readonly { message_id: string; body: string }[]): Promise<void>;
  /** Takes messages and hides them for a while; those not deleted by then return, and end as dead letters. */
  receive(options: { max: number; visibilityMs: number }): Promise<readonly QueuedMessage[]>;
  /** Extends the time that a message stays hidden; false if its receipt is no longer valid. */
  extend(receipt: string, visibilityMs: number): Promise<boolean>;
  /** Deletes a message; an invalid receipt deletes nothing. */
  delete(receipt: string): Promise<void>;
  /** Returns a message to the queue after a delay; after too many deliveries it becomes a dead letter. */
  fail(receipt: string, failure: MessageFailure): Promise<'RETRIED' | 'DEAD' | 'LOST'>;
  /** Dead letters, unordered. A complete walk returns all that existed at its start; an abandoned walk may hide some for a while. */
  listDead(query: { limit: number; cursor?: string | null }): Promise<Page<DeadLetterRow>>;
  /** Returns dead letters to the queue as if just sent; all of them if no ids are given. Returns their number. */
  redrive(messageIds?: readonly string[]): Promise<number>;
}
