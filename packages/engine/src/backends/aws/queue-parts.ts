import type { Clock } from '../../ports/backend.ts';
import type { Calls } from './calls.ts';
import type { QueueRequests } from './queue-requests.ts';

/** The parts of the queue. */
export interface QueueParts {
  readonly queue: QueueRequests;
  readonly deadLetterQueue: QueueRequests;
  readonly calls: Calls;
  readonly clock: Clock;
}
