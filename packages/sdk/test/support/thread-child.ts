// A process whose producers send with a real worker thread; its argument is the task. Each line of its output is complete.
import cluster from 'node:cluster';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { createProducer, type LogEntry, type ProducerOptions } from '@pik/sdk';
import { openOutbox } from '@pik/sdk/outbox';

const [task = '', url = '', dir = ''] = process.argv.slice(2);
const say = (what: string, about: unknown) => writeSync(1, `${what} ${JSON.stringify(about)}\n`);

const workers: Worker[] = [];
process.on('worker', (worker) => workers.push(worker));
const warnings: LogEntry[] = [];
const log = (entry: LogEntry) => void (entry.level === 'warn' && warnings.push(entry));

const open = (options: Partial<ProducerOptions> = {}) =>
  createProducer({ url, source: 'thread', flushIntervalMs: 1, thread: 'always', log, ...options });
const emit = (producer: ReturnType<typeof open>, count: number) =>
  Array.from({ length: count }, (_, n) => producer.emit('t', { n }, { entity_id: 'e' }));

/** Two producers send at once, one of them goes on alone. */
async function share(): Promise<void> {
  const producers = [open(), open()] as const;
  const sents = producers.flatMap((producer) => emit(producer, 100));
  const ids = sents.map(({ event_id }) => event_id);
  await producers[0].close();
  sents.push(...emit(producers[1], 100));
  await producers[1].close();
  const results = await Promise.all(sents.map(({ result }) => result));
  const isEqual = ids.every((id, i) => results[i]?.event_id === id);
  say('ended', {
    workers: workers.length,
    acked: results.filter(({ status }) => status === 'ACCEPTED').length,
    isEqual,
  });
  say('warned', warnings);
}

/** The worker ends while it has batches. */
async function lose(how: string): Promise<void> {
  const producer = open();
  const sents = emit(producer, 50);
  await producer.flush();
  for (let round = 0; round < 3; round++) {
    sents.push(...emit(producer, 500));
    const worker = workers.at(-1);
    if (how === 'terminate') await worker?.terminate();
    // A message that the worker cannot read ends it with an error that nobody catches.
    else worker?.postMessage(null);
    await producer.flush();
  }
  await producer.close();
  const results = await Promise.all(sents.map(({ result }) => result));
  const { emitted, acked, pending } = producer.stats();
  say('ended', { workers: workers.length, emitted, acked, pending, results: results.length });
  say('warned', [...new Set(warnings.map(({ event }) => event))]);
}

/** The worker has too little memory for the batches that it gets, which an outbox keeps. */
async function exhaust(dir: string): Promise<void> {
  const threads = process.getBuiltinModule('node:worker_threads');
  const { Worker: Real } = threads;
  class Small extends Real {
    constructor(file: URL, options: object) {
      super(file, { ...options, resourceLimits: { maxOldGenerationSizeMb: 12, maxYoungGenerationSizeMb: 1 } });
    }
  }
  Object.assign(threads, { Worker: Small });
  const outbox = await openOutbox({ dir });
  // The text of one batch is more than a worker of this size can copy and compress.
  const producer = open({ outbox, batchBytesMax: 8_000_000 });
  const payload = { parts: Array.from({ length: 4_000 }, (_, n) => ({ z: n, a: [n] })) };
  const sents = Array.from({ length: 150 }, (_, n) =>
    producer.emit('t', { ...payload, n }, { entity_id: 'e', event_time: '2026-01-02T03:04:05Z' }),
  );
  const failures = (await Promise.all(sents.map(({ stored }) => stored))).filter((error) => error !== null);
  await producer.flush();
  const { pending_count } = outbox.stats();
  const { emitted, acked, pending } = producer.stats();
  await producer.close();
  say('ended', { hasReplaced: workers.length > 1, failures: failures.length, emitted, acked, pending, pending_count });
  const memory = warnings.filter(({ event, detail }) => event === 'thread_ended' && detail?.includes('memory'));
  say('warned', memory.length > 0 ? ['memory'] : warnings);
}

/** Leaves a producer open, whose events wait for a batch and which nobody waits for. */
function leave(): void {
  const producer = open({ flushIntervalMs: 60_000 });
  emit(producer, 10);
  process.on('exit', () => say('left', { workers: workers.length, pending: producer.stats().pending }));
}

/** Emits until events have come fast enough for a thread. */
async function hurry(): Promise<void> {
  const producer = createProducer({ url, source: 'thread', log });
  let count = 0;
  while (workers.length === 0) {
    await producer.ready();
    emit(producer, 100);
    count += 100;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  emit(producer, 100);
  await producer.close();
  const { acked } = producer.stats();
  say('ended', { workers: workers.length, missing: count + 100 - acked });
  say('warned', warnings);
}

/** Two workers of a cluster, each with a producer. */
async function divide(): Promise<void> {
  if (cluster.worker !== undefined) {
    await share();
    // Its channel to the primary would keep it alive.
    cluster.worker.disconnect();
    return;
  }
  const members = [cluster.fork(), cluster.fork()];
  await Promise.all(members.map((member) => once(member, 'exit')));
  say(
    'ended',
    members.map((member) => member.process.exitCode),
  );
}

if (task === 'share') await share();
else if (task === 'hurry') await hurry();
else if (task === 'divide') await divide();
else if (task === 'leave') leave();
else if (task === 'exhaust') await exhaust(dir);
else await lose(task);
