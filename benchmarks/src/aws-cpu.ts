// One process like a Lambda instance: handles request after request with the built bundle of the ingest function.
// Prints CPU time and logged bytes per request. Started by aws-costs.ts with the identity of the events.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import type { HttpFunction } from '@pik/handlers/http-function';
import { eventsOf, type Identity } from '@pik/testkit/fixtures/engine/aws-counts';
import { invocation, toEvent, toResponse } from '@pik/testkit/fixtures/functions/api-gateway';

const WARM = 60;
const ROUNDS = 30;
const PER_ROUND = 5;
const MEASURED = ROUNDS * PER_ROUND;
const PER_REQUEST = 100;
const identity = process.argv[2] as Identity;

let logged = 0;
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = ((chunk: string | Uint8Array) => {
  logged += Buffer.byteLength(chunk as string);
  return true;
}) as typeof process.stdout.write;

const file = pathToFileURL(join(import.meta.dirname, '../../deploy/dist/ingest/index.mjs')).href;
const { handler } = (await import(file)) as { handler: HttpFunction };

async function send(number: number): Promise<void> {
  const events = eventsOf(identity, { from: number * PER_REQUEST, count: PER_REQUEST });
  const body = events.map((event) => JSON.stringify(event)).join('\n');
  const headers = { 'content-type': 'application/x-ndjson' };
  const request = new Request('http://api.test/ingest', { method: 'POST', headers, body });
  const event = await toEvent(request, { userArn: 'arn:aws:sts::123456789012:assumed-role/ingest/producer' });
  const response = toResponse(request, await handler(event, invocation('ingest')));
  const { counts } = (await response.json()) as { counts: Record<string, number> };
  const wanted = identity === 'duplicates' && number < sentBefore ? 'DUPLICATE' : 'ACCEPTED';
  if (counts[wanted] !== PER_REQUEST) throw new Error(`${response.status} ${JSON.stringify(counts)}`);
}

let sentBefore = 0;
for (let number = 0; number < WARM + MEASURED; number++) if (identity === 'duplicates') await send(number);
sentBefore = identity === 'duplicates' ? WARM + MEASURED : 0;
for (let number = 0; number < WARM; number++) await send(number);
logged = 0;
const rounds: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const cpu = process.cpuUsage();
  for (let i = 0; i < PER_ROUND; i++) await send(WARM + round * PER_ROUND + i);
  const { user, system } = process.cpuUsage(cpu);
  rounds.push((user + system) / 1000 / PER_ROUND);
}
// The lower quartile: other work on the machine can only add time.
const cpu_ms = rounds.toSorted((a, b) => a - b)[Math.floor(ROUNDS / 4)];
write(JSON.stringify({ cpu_ms, log_bytes: Math.round(logged / MEASURED) }));
