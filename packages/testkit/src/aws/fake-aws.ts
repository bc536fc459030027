import type { Clock } from '@pik/engine';
import { type AwsBackend, type AwsClients, createAwsClients, openAwsBackend } from '@pik/engine/aws';
import { mockClient } from 'aws-sdk-client-mock';
import { Crash } from '../faulty-backend.ts';
import { createFakeDynamoDB, type FakeDynamoDB, type Units } from './fake-dynamodb.ts';
import { createFakeS3, type FakeS3 } from './fake-s3.ts';
import { createFakeSQS, type FakeSQS } from './fake-sqs.ts';
import { networkError, serviceError, timeoutError } from './service-error.ts';
import { createVirtualTiming, type VirtualTiming } from './virtual-timing.ts';

/** The faults that one request to a service can suffer. */
export type AwsFaultKind =
  /** The service fails, and nothing happened. */
  | 'fail-before'
  /** It happened, but the response was lost. */
  | 'fail-after'
  /** The service never answers, and nothing happened; the client's timeout ends the request. */
  | 'hang-before'
  /** The service never answers, though it happened. */
  | 'hang-after'
  /** The service throttles the request; nothing happened. */
  | 'throttle'
  /** Half of a batch is done; a download breaks off. Other requests: as `fail-before`. */
  | 'partial'
  /** Another request on the same key is in flight; nothing happened. */
  | 'conflict'
  /** The role does not allow it; nothing happened. */
  | 'deny'
  /** A download has a flipped bit. Other requests: as `fail-before`. */
  | 'damage'
  /** The process ends before it. */
  | 'crash-before'
  /** The process ends after it. */
  | 'crash-after';

/** Selects the requests that fail, and how. */
export interface AwsFault {
  /** The first of them, counted from 1 over all services. */
  readonly call: number;
  readonly kind: AwsFaultKind;
  /** The number of requests from there on. Default: 1. */
  readonly times?: number;
  /** Limits the fault to these requests. Default: all. */
  readonly where?: (request: Pick<AwsCall, 'request' | 'input'>) => boolean;
}

/** One request that was sent. */
export interface AwsCall {
  readonly service: 's3' | 'dynamodb' | 'sqs';
  /** The name of the operation, such as `PutObject`. */
  readonly request: string;
  readonly input: object;
  readonly units: Units;
}

/** The three services in memory, and the clients that reach them. */
export interface FakeAws {
  readonly clients: AwsClients;
  readonly timing: VirtualTiming;
  readonly s3: FakeS3;
  readonly dynamodb: FakeDynamoDB;
  readonly sqs: FakeSQS;
  /** Every request so far, including failed ones. */
  readonly calls: AwsCall[];
  readonly crashed: boolean;
  /** Opens a backend over them, like a freshly started process. After a crash each request throws until a new one is opened. */
  open(resources?: Partial<Record<keyof typeof FAKE_RESOURCES, string>>): AwsBackend;
  /** Sets the faults of the following requests; counting starts again at 1. */
  plan(faults: readonly AwsFault[]): void;
}

/** The resources of the fakes. */
export const FAKE_RESOURCES = {
  bucket: 'pik-raw',
  indexTable: 'pik-index',
  aggregatesTable: 'pik-aggregates',
  replaysTable: 'pik-replays',
  queueUrl: 'https://sqs.test/pik-replay',
  deadLetterQueueUrl: 'https://sqs.test/pik-dead',
} as const;

/** Timeout of the clients of the fakes. */
const REQUEST_MS = 3_000;

/**
 * Creates empty services. They answer each request from memory unless a fault is planned for it: at once, or after a random
 * time, so that requests in flight overtake each other.
 */
export function createFakeAws({ clock, latencyMs }: { clock: Clock; latencyMs?: () => number }): FakeAws {
  const { bucket, indexTable, aggregatesTable, replaysTable, queueUrl, deadLetterQueueUrl } = FAKE_RESOURCES;
  const world: World = {
    timing: createVirtualTiming(),
    s3: createFakeS3(bucket),
    dynamodb: createFakeDynamoDB([indexTable, aggregatesTable, replaysTable]),
    sqs: createFakeSQS({ queue: queueUrl, deadLetterQueue: deadLetterQueueUrl }, clock),
    calls: [],
    faults: [],
    counted: 0,
    processes: 0,
    crashed: false,
    latencyMs,
  };
  return {
    ...world,
    clients: clientsOf(world),
    get crashed() {
      return world.crashed;
    },
    open(resources = {}) {
      world.crashed = false;
      world.processes += 1;
      return openAwsBackend({
        ...FAKE_RESOURCES,
        ...resources,
        clients: clientsOf(world),
        clock,
        timing: world.timing,
      });
    },
    plan(faults) {
      world.faults = faults;
      world.counted = 0;
    },
  };
}

interface World {
  readonly timing: VirtualTiming;
  readonly s3: FakeS3;
  readonly dynamodb: FakeDynamoDB;
  readonly sqs: FakeSQS;
  readonly calls: AwsCall[];
  faults: readonly AwsFault[];
  counted: number;
  /** Number of started processes: leftovers of a crashed process reach nothing. */
  processes: number;
  crashed: boolean;
  readonly latencyMs: (() => number) | undefined;
}

/** The clients of one process: real ones, whose `send` calls the fakes. */
function clientsOf(world: World): AwsClients {
  const own = world.processes;
  const gone = () => world.processes !== own;
  const clientOf = <S extends AwsCall['service']>(service: S): AwsClients[S] => {
    const send: Send = (command, options) =>
      mockedSend(service)(command, { [TO]: { world, service, gone }, ...options });
    return Object.create(mockedClients().clients[service], { send: { value: send } });
  };
  return { s3: clientOf('s3'), dynamodb: clientOf('dynamodb'), sqs: clientOf('sqs') };
}

type Send = (command: SentCommand, options?: Options) => Promise<object>;

interface Options {
  readonly [TO]?: Address;
  readonly abortSignal?: AbortSignal;
}

/** Key under which the options of a request name the fake services that answer it. */
const TO = Symbol('to');

interface Address {
  readonly world: World;
  readonly service: AwsCall['service'];
  /** True once another process has started. */
  readonly gone: () => boolean;
}

interface Mocked {
  readonly clients: AwsClients;
  readonly mocks: readonly { resetHistory(): unknown }[];
  sent: number;
}

let mocked: Mocked | null = null;
/** Number of requests after which the history of the mocks is cleared; the fakes keep their own. */
const REMEMBERED = 1_000;

/** One set of mocked clients for all fakes: each mock is kept until the process ends. */
function mockedClients(): Mocked {
  if (mocked !== null) return mocked;
  const clients = createAwsClients({ region: 'us-east-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
  const mocks = Object.values(clients).map((client) => {
    const mock = mockClient(client as never);
    const send: Send = (command, options) =>
      answer({ ...(options?.[TO] as Address), command, signal: options?.abortSignal });
    mock.send.callsFake(send as never);
    return mock;
  });
  mocked = { clients, mocks, sent: 0 };
  return mocked;
}

function mockedSend(service: AwsCall['service']): Send {
  const shared = mockedClients();
  const client = shared.clients[service];
  shared.sent += 1;
  if (shared.sent % REMEMBERED === 0) for (const mock of shared.mocks) mock.resetHistory();
  return client.send.bind(client) as unknown as Send;
}

interface SentCommand {
  readonly input: object;
  readonly constructor: { readonly name: string };
}

interface Sent extends Address {
  readonly command: SentCommand;
  readonly signal: AbortSignal | undefined;
}

async function answer({ world, service, command, signal, gone }: Sent): Promise<object> {
  await null;
  if (world.crashed || gone()) throw new Crash('the process is gone');
  if (signal?.aborted === true) throw aborted();
  const { name } = command.constructor;
  const units = { read: 0, write: 0 };
  const sent = { service, request: name.replace(/Command$/, ''), input: command.input, units };
  world.calls.push(sent);
  world.counted += 1;
  if (world.latencyMs !== undefined && !(await world.timing.waitFor(world.latencyMs(), signal))) throw aborted();
  const fault = world.faults.find((planned) => strikes(planned, world.counted, sent));
  const call = { world, service, name, input: command.input, units, signal };
  return fault === undefined ? handle(call) : goWrong(call, fault.kind);
}

const aborted = () => Object.assign(new Error('aborted'), { name: 'AbortError' });

function strikes({ call, times = 1, where }: AwsFault, counted: number, sent: AwsCall): boolean {
  return counted >= call && counted < call + times && (where === undefined || where(sent));
}

interface Call {
  readonly world: World;
  readonly service: AwsCall['service'];
  readonly name: string;
  readonly input: object;
  readonly units: Units;
  readonly signal: AbortSignal | undefined;
}

function handle({ world, service, name, input, units }: Call): object {
  if (service === 's3') return world.s3.handle(name, input);
  return service === 'dynamodb' ? world.dynamodb.handle(name, input, units) : world.sqs.handle(name, input);
}

async function goWrong(call: Call, kind: AwsFaultKind): Promise<object> {
  const { world, signal } = call;
  const crash = () => {
    world.crashed = true;
    return new Crash(`crashed at ${call.name}`);
  };
  switch (kind) {
    case 'crash-before':
      throw crash();
    case 'crash-after':
      tried(() => handle(call));
      throw crash();
    case 'fail-after':
      tried(() => handle(call));
      throw networkError('ECONNRESET');
    case 'hang-after':
      tried(() => handle(call));
      throw await hang(world, signal);
    case 'hang-before':
      throw await hang(world, signal);
    case 'throttle':
      throw THROTTLES[call.service]();
    case 'partial':
      return part(call) ?? unavailable();
    case 'damage':
      return (call.service === 's3' ? world.s3.handleDamaged(call.name, call.input, 'flipped') : null) ?? unavailable();
    case 'conflict':
      throw conflictOf(call);
    case 'deny':
      throw serviceError(
        call.service === 's3' ? 'AccessDenied' : 'AccessDeniedException',
        call.service === 's3' ? 403 : 400,
      );
    case 'fail-before':
      return unavailable();
  }
}

/** Runs the work and drops its result or error, as if the response were lost. */
function tried(work: () => object): void {
  try {
    work();
  } catch (error) {
    if ((error as { $metadata?: object }).$metadata === undefined) throw error;
  }
}

function unavailable(): never {
  throw serviceError('InternalServerError', 500);
}

async function hang({ timing }: World, signal: AbortSignal | undefined): Promise<Error> {
  const whole = await timing.waitFor(REQUEST_MS, signal);
  return whole ? timeoutError() : Object.assign(new Error('aborted'), { name: 'AbortError' });
}

const THROTTLES = {
  s3: () => serviceError('SlowDown', 503),
  dynamodb: () => serviceError('ProvisionedThroughputExceededException', 400),
  sqs: () => serviceError('RequestThrottled', 403),
};

function part({ world, service, name, input, units }: Call): object | null {
  if (service === 's3') return world.s3.handleDamaged(name, input, 'short');
  return service === 'dynamodb' ? world.dynamodb.handlePart(name, input, units) : world.sqs.handlePart(name, input);
}

function conflictOf({ service, name }: Call): Error {
  if (name === 'PutObjectCommand') return serviceError('ConditionalRequestConflict', 409);
  const reasons = { CancellationReasons: [{ Code: 'None' }, { Code: 'TransactionConflict' }] };
  if (name === 'TransactWriteItemsCommand') return serviceError('TransactionCanceledException', 400, reasons);
  // A single write that conflicts with a transaction on its row fails with its own error name.
  if (name === 'UpdateItemCommand' || name === 'PutItemCommand')
    return serviceError('TransactionConflictException', 400);
  return THROTTLES[service]();
}
