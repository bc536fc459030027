// A process with a real producer; its arguments are the task. It writes each output line at once and completely, so
// that every reported step has happened, even if the process is killed right after.
import { writeSync } from 'node:fs';
import { closeOnExit, createProducer as create, type ProducerOptions } from '@pik/sdk';
import { openOutbox } from '@pik/sdk/outbox';

const [task = '', url = '', dir = ''] = process.argv.slice(2);

const thread = process.env.PIK_TEST_THREAD as ProducerOptions['thread'];
const createProducer = (options: ProducerOptions) => create({ ...options, thread });

function say(what: string, about: unknown): void {
  writeSync(1, `${what} ${JSON.stringify(about)}\n`);
}

const onReport = (report: unknown) => say('report', report);
/** `parent:DIR` makes the process a member of a parent. */
const where = dir.startsWith('parent:') ? { parent: dir.slice('parent:'.length) } : { dir };
const open = () => openOutbox({ ...where, quotaBytes: 64 * 1024 * 1024, segmentBytesMax: 64 * 1024, onReport });

/** Emits as fast as possible until it is killed, and prints which events are stored. */
async function load(): Promise<void> {
  const outbox = await open();
  const producer = createProducer({
    url,
    source: 'killed',
    outbox,
    flushIntervalMs: 5,
    batchCountMax: 50,
    log: () => {},
  });
  say('opened', outbox.stats().recovered_count);
  for (let n = 0; ; ) {
    await producer.ready();
    const sents = [];
    for (const end = n + 1 + Math.floor(Math.random() * 40); n < end; n++)
      sents.push(producer.emit('load.emitted', { n, fill: 'ä'.repeat(n % 300) }, { entity_id: `e${n % 7}` }));
    await sents.at(-1)?.stored;
    const failed = await Promise.all(sents.map(({ stored }) => stored));
    say(
      'stored',
      sents.filter((_, i) => failed[i] === null).map(({ event_id }) => event_id),
    );
  }
}

/** Sends the events that earlier processes left, and ends. */
async function drain(): Promise<void> {
  const outbox = await open();
  const producer = createProducer({ url, source: 'killed', outbox, batchCountMax: 50, log: () => {} });
  while (outbox.stats().pending_count > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const { backlog } = producer.stats();
  await producer.close();
  say('drained', backlog);
}

/** Emits events without awaiting them, with or without an outbox, and ends in the way that the task names. */
async function end(how: string): Promise<void> {
  const outbox = dir === '' ? {} : { outbox: await open() };
  const producer = createProducer({ url, source: 'ended', flushIntervalMs: 60_000, log: () => {}, ...outbox });
  closeOnExit(producer, { graceMs: Number(process.env.PIK_TEST_GRACE_MS ?? 600_000) });
  const sents = Array.from({ length: 100 }, (_, n) => producer.emit('end.emitted', { n }, { entity_id: 'e' }));
  say(
    'emitted',
    sents.map(({ event_id }) => event_id),
  );
  process.on('exit', () => say('counted', producer.stats()));
  if (how === 'exit') process.exit(3);
  if (how === 'throw') throw new Error('nobody catches this');
  if (how === 'idle') return;
  // A service that would run for ever.
  setInterval(() => undefined, 60_000);
  if (how === 'flushing') void producer.flush();
  say('waiting', 1);
}

if (task === 'load') await load();
else if (task === 'drain') await drain();
else await end(task);
