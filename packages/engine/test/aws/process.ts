import { KitError } from '@pik/schema';
import { Crash } from '@pik/testkit';
import { type AwsFault, createFakeAws, type FakeAws } from '@pik/testkit/aws';
import type { AwsBackend } from '../../src/backends/aws/open.ts';
import type { Clock } from '../../src/ports/backend.ts';

/** Every kind of fault that can hit a request to a service. */
export const KINDS = [
  'fail-before',
  'fail-after',
  'hang-before',
  'hang-after',
  'throttle',
  'partial',
  'conflict',
  'damage',
  'crash-before',
  'crash-after',
] as const satisfies readonly AwsFault['kind'][];

const WRITES = /^(Put|Update|Transact|Send|Receive|Change|Delete)/;
const BATCHES = /^(BatchGetItem|SendMessageBatch|ChangeMessageVisibilityBatch|DeleteMessageBatch|GetObject)$/;

const CONFLICTS = /^(PutObject|TransactWriteItems|UpdateItem|PutItem)$/;

/** True if a kind of fault differs for a request from all other kinds. */
export function applies(kind: AwsFault['kind'], request: string): boolean {
  // A crash before a request equals a crash after the previous request.
  if (kind === 'crash-before') return request === 'ReceiveMessage';
  if (kind === 'fail-after' || kind === 'hang-after') return WRITES.test(request);
  if (kind === 'partial') return BATCHES.test(request);
  if (kind === 'damage') return request === 'GetObject';
  return kind !== 'conflict' || CONFLICTS.test(request);
}

/** A process that may crash, over services that outlive it. */
export interface AwsProcess<T> {
  readonly aws: FakeAws;
  /** Repeats a call until it succeeds, as a client does, and restarts the process after each crash. */
  untilDone<R>(work: (running: T) => Promise<R>): Promise<R>;
  /** The same services without any fault, for a look at what is there. */
  durable(): AwsBackend;
}

/** Number of repeats after which a call counts as hopeless. */
const REPEATS_MAX = 200;

/** Starts a process whose requests fail as planned; each restart calls `onStart` first. */
export function createAwsProcess<T>(
  clock: Clock,
  faults: readonly AwsFault[],
  {
    start,
    onStart = async () => undefined,
  }: { start: (backend: AwsBackend) => T; onStart?: (running: T) => Promise<unknown> },
): AwsProcess<T> {
  const aws = createFakeAws({ clock });
  aws.plan(faults);
  let running = start(aws.open());
  const recover = async () => {
    while (aws.crashed) {
      running = start(aws.open());
      await onStart(running).catch(expectPassing);
    }
  };
  return {
    aws,
    async untilDone(work) {
      for (let repeats = 0; repeats < REPEATS_MAX; repeats++) {
        try {
          return await work(running);
        } catch (error) {
          expectPassing(error);
          await recover();
        }
      }
      throw new Error('it never succeeds');
    },
    durable() {
      aws.plan([]);
      return aws.open();
    },
  };
}

/** An error that is neither a crash nor marked as retryable is a bug of the kit. */
function expectPassing(error: unknown): void {
  if (error instanceof Crash) return;
  if (!KitError.is(error) || !error.retryable) throw error;
}
