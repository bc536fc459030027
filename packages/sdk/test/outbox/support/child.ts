// A process with an outbox; its arguments are the task. It writes each output line at once and completely, so that
// every reported step has happened, even if the process is killed right after.
import cluster from 'node:cluster';
import { writeSync } from 'node:fs';
import type { Outbox } from '../../../src/outbox/outbox-port.ts';
import { openOutbox } from '../../../src/outbox.ts';

const [task = '', dir = '', name = ''] = process.argv.slice(2);
if (process.env.PIK_TEST_UMASK !== undefined) process.umask(Number.parseInt(process.env.PIK_TEST_UMASK, 8));

function say(what: string, about: unknown): void {
  writeSync(1, `${what} ${JSON.stringify(about)}\n`);
}

/** A record whose content follows from its name. */
function recordOf(id: string): string {
  const size = [...id].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 700, 7);
  return `{"id":"${id}","fill":"${'xä'.repeat(size)}"}`;
}

async function open(): Promise<Outbox> {
  const onReport = (report: unknown) => say('report', report);
  return openOutbox({ dir, quotaBytes: 64 * 1024 * 1024, segmentBytesMax: 32 * 1024, onReport });
}

/** Reads and prints the pending records with their positions, and whether each is unchanged. */
async function recover(outbox: Outbox): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for await (const { position, record } of outbox.readRecovered()) {
    const text = Buffer.from(record).toString();
    const id = (JSON.parse(text) as { id: string }).id;
    if (text !== recordOf(id)) say('wrong', text);
    found.set(id, position);
  }
  say('recovered', [...found.keys()]);
  return found;
}

/**
 * Appends and acknowledges until it is killed. Reports an acknowledgement before it is made, and a stored record after.
 */
async function load(): Promise<void> {
  const outbox = await open();
  const pending = await recover(outbox);
  for (let n = 0; ; ) {
    settle(outbox, pending);
    await outbox.ready();
    const burst = new Map<string, number>();
    for (const end = n + 1 + Math.floor(Math.random() * 40); n < end; n += 1) {
      const id = `${name}-${n}`;
      burst.set(id, outbox.append(recordOf(id)));
    }
    const failed = await outbox.stored([...burst.values()].at(-1) ?? 0);
    if (failed !== null) say('failed', failed.code);
    else say('stored', [...burst.keys()]);
    for (const [id, position] of burst) pending.set(id, position);
    if (Math.random() < 0.05) await bury(outbox, pending);
  }
}

/** Most of the pending records, in any order. */
function settle(outbox: Outbox, pending: Map<string, number>): void {
  const settled = [...pending].filter(() => Math.random() < 0.7);
  say(
    'settled',
    settled.map(([id]) => id),
  );
  outbox.acknowledge(settled.map(([, position]) => position));
  for (const [id] of settled) pending.delete(id);
}

async function bury(outbox: Outbox, pending: Map<string, number>): Promise<void> {
  const [buried] = pending;
  if (buried === undefined) return;
  const [id, position] = buried;
  say('settled', [id]);
  await outbox.deadLetter({ position, record: Buffer.from(recordOf(id)) }, { code: 'X', detail: '' });
  pending.delete(id);
}

/** Acknowledges all but a few records, and closes: no acknowledged record may come back. */
async function tidy(): Promise<void> {
  const outbox = await open();
  const pending = await recover(outbox);
  const settled = [...pending].slice(3);
  outbox.acknowledge(settled.map(([, position]) => position));
  await outbox.close();
  say(
    'settled for good',
    settled.map(([id]) => id),
  );
}

/** Appends without waiting, reports it, and ends in the way that the task names. */
async function end(how: string): Promise<void> {
  const outbox = await open();
  await recover(outbox);
  const append = (from: number) => {
    const ids = Array.from({ length: 50 }, (_, n) => `${name}-${from + n}`);
    for (const id of ids) outbox.append(recordOf(id));
    say('appended', ids);
  };
  append(0);
  if (Math.random() < 0.7) await new Promise((resolve) => setTimeout(resolve, Math.random() * 6));
  append(50);
  if (how === 'exit') process.exit(0);
  if (how === 'throw') throw new Error('nobody catches this');
  if (how === 'reject') void Promise.reject(new Error('nor this'));
  if (how === 'drain') process.on('exit', () => say('drained', outbox.stats().unsynced_count));
  if (how === 'SIGTERM' || how === 'SIGINT') {
    process.on(how, () => process.exit(0));
    process.kill(process.pid, how);
    setTimeout(() => undefined, 10_000);
  }
}

/** Opens the outbox, reports it, and keeps it, with a running or a blocked event loop. */
async function hold(): Promise<void> {
  try {
    await open();
  } catch (error) {
    say('refused', (error as { code: string }).code);
    process.disconnect?.();
    return;
  }
  say('held', cluster.isWorker ? 'by a worker' : process.pid);
  process.send?.('held');
  if (task === 'block') for (;;);
  setInterval(() => undefined, 1_000);
}

/** Workers of a cluster: the second starts while the first is alive, the third after it was killed. */
async function workers(): Promise<void> {
  if (cluster.isWorker) return hold();
  const first = cluster.fork();
  await new Promise((resolve) => first.on('message', resolve));
  await new Promise((resolve) => cluster.fork().on('exit', resolve));
  first.process.kill('SIGKILL');
  await new Promise((resolve) => first.on('exit', resolve));
  const third = cluster.fork();
  await new Promise((resolve) => third.on('message', resolve).on('exit', resolve));
  third.process.kill('SIGKILL');
}

if (task === 'load') await load();
else if (task === 'tidy') await tidy();
else if (task === 'workers') await workers();
else if (task === 'hold' || task === 'block') await hold();
else await end(task);
