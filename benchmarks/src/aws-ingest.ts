// Ingest through the function over an emulator, compared with bare SDK calls that write the same: the same PUTs and
// conditional writes, recorded from the function's own requests, with the same concurrency. AWS_ENDPOINT_URL names the
// emulator, as in `AWS_ENDPOINT_URL=http://127.0.0.1:5000 node benchmarks/src/aws-ingest.ts`; writes
// results/aws-ingest.json. The two alternate every 1,000 events, so that other work on the machine affects both.
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { createResources } from '@pik/deploy/emulator';
import { type AwsClients, createAwsClients, openAwsBackend } from '@pik/engine/aws';
import { inParallel } from '@pik/engine/internals';
import { open as openIngest } from '@pik/handlers/ingest';
import { eventsOf } from '@pik/testkit/fixtures/engine/aws-counts';
import { invocation, toEvent } from '@pik/testkit/fixtures/functions/api-gateway';
import { captureLines, keyOf, setupOver } from '@pik/testkit/fixtures/functions/functions';

const ROUNDS = 10;
const REQUESTS_PER_ROUND = 10;
const PER_REQUEST = 100;
const TARGET = 0.7;

type Command = Parameters<AwsClients['dynamodb']['send']>[0];
type Sender = { send(command: unknown, options?: unknown): Promise<unknown> };
interface Written {
  readonly service: 's3' | 'dynamodb';
  readonly command: Command;
}

process.env.AWS_REGION ??= 'eu-central-1';
process.env.AWS_ACCESS_KEY_ID ??= 'emulator';
process.env.AWS_SECRET_ACCESS_KEY ??= 'emulator';

const patient = () => createAwsClients({ requestMs: 30_000 });
const noted: Written[] = [];
const clients = patient();
for (const service of ['s3', 'dynamodb'] as const) {
  const client = clients[service] as unknown as Sender;
  const send = client.send.bind(client);
  client.send = (command, options) => {
    noted.push({ service, command: command as Command });
    return send(command, options);
  };
}
const bareClients = patient();
const prefix = `pik-bench-${Date.now()}`;
const resources = await createResources(clients, { prefix });
const bareResources = await createResources(bareClients, { prefix: `${prefix}-bare` });
const backend = openAwsBackend({ ...resources, clients, callMs: 120_000 });
const ingest = await openIngest(setupOver(backend));
const authorization = `Bearer ${keyOf(['ingest'])}`;

async function throughFunction(number: number): Promise<Written[]> {
  noted.length = 0;
  const body = eventsOf('content', { from: number * PER_REQUEST, count: PER_REQUEST })
    .map((event) => JSON.stringify(event))
    .join('\n');
  const headers = { 'content-type': 'application/x-ndjson', authorization };
  const request = new Request('http://api.test/ingest', { method: 'POST', headers, body });
  const { statusCode, body: answer } = await ingest(await toEvent(request), invocation('ingest'));
  if (statusCode !== 200) throw new Error(`${statusCode} ${answer}`);
  return noted.splice(0);
}

/** The same writes, elsewhere: nothing is decided, read or answered. */
async function bare(written: readonly Written[]): Promise<void> {
  const sender = (service: Written['service']) => bareClients[service] as unknown as Sender;
  for (const { command } of written.filter(({ service }) => service === 's3'))
    await sender('s3').send(elsewhere(command));
  const rows = written.filter(({ service }) => service === 'dynamodb');
  await inParallel(rows, ({ command }) => sender('dynamodb').send(elsewhere(command)));
}

function elsewhere(command: Command): Command {
  const { input, constructor: Same } = command as unknown as {
    input: Record<string, unknown>;
    constructor: new (input: object) => Command;
  };
  const moved = { ...input };
  if (moved.Bucket === resources.bucket) moved.Bucket = bareResources.bucket;
  if (moved.TableName === resources.indexTable) moved.TableName = bareResources.indexTable;
  return new Same(moved);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

const captured = captureLines();
const rounds: { function_ms: number; bare_ms: number }[] = [];
for (let round = 0; round <= ROUNDS; round++) {
  const written: Written[][] = [];
  const function_ms = await timed(async () => {
    for (let i = 0; i < REQUESTS_PER_ROUND; i++) written.push(await throughFunction(round * REQUESTS_PER_ROUND + i));
  });
  const bare_ms = await timed(async () => {
    for (const some of written) await bare(some);
  });
  // The first round warms up both.
  if (round > 0) rounds.push({ function_ms, bare_ms });
}
captured.stop();

const sum = (of: 'function_ms' | 'bare_ms') => rounds.reduce((total, round) => total + round[of], 0);
const events = ROUNDS * REQUESTS_PER_ROUND * PER_REQUEST;
const result = {
  date: new Date().toISOString().slice(0, 10),
  node: process.version,
  cpus: cpus().length,
  load_1m: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  events,
  function_per_s: Math.round((events * 1000) / sum('function_ms')),
  bare_per_s: Math.round((events * 1000) / sum('bare_ms')),
  of_bare: Math.round((sum('bare_ms') / sum('function_ms')) * 100) / 100,
  at_least: TARGET,
};
writeFileSync(join(import.meta.dirname, '../results/aws-ingest.json'), `${JSON.stringify(result, null, 2)}\n`);
console.log(result);
await resources.remove();
await bareResources.remove();
for (const client of [...Object.values(clients), ...Object.values(bareClients)]) client.destroy();
