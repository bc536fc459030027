import { createProducer, type LogEntry, type ProducerOptions } from '@pik/sdk';
import { countInTheEnd, type Script } from '@pik/testkit/fixtures/producer/producer-world';
import { scriptedBackend } from '@pik/testkit/fixtures/producer/scripted-backend';
import { type OutboxOptions, openUnlocked } from '../../src/outbox/open.ts';
import { SimDisk } from '../outbox/support/sim-files.ts';
import { useVirtualTime, within } from './virtual-time.ts';

const DIR = '/data/outbox';

/** Options of the producer and outbox of one process. */
export interface ProcessOptions {
  readonly script?: Script;
  readonly options?: Partial<ProducerOptions>;
  readonly outboxOptions?: Omit<OutboxOptions, 'dir' | 'parent'>;
}

/** A disk in memory and a backend that outlive the processes with a producer and an outbox; all timers are virtual. */
export function outboxWorld() {
  useVirtualTime();
  const disk = new SimDisk(() => 0.5);
  let script: Script | undefined;
  const backend = scriptedBackend((request, own) =>
    script === undefined ? own.accept(request.lines) : script(request, own),
  );
  const entries: LogEntry[] = [];

  /** Starts a new process over the same disk. */
  async function start(given: ProcessOptions = {}) {
    script = given.script;
    const files = disk.start();
    const parts = { files, release: async () => undefined, saveMs: 1_000 };
    const own = {
      dir: DIR,
      quotaBytes: 1024 * 1024,
      segmentBytesMax: 4_096,
      onReport: () => {},
      ...given.outboxOptions,
    };
    const outbox = await within(60_000, openUnlocked(own, parts));
    const log = (entry: LogEntry) => entries.push(entry);
    const producer = createProducer({
      source: 's',
      flushIntervalMs: 5,
      log,
      fetch: backend.fetch,
      ...given.options,
      outbox,
    });
    countInTheEnd(producer);
    const emit = (payload: object = {}) => producer.emit('t', payload, { entity_id: 'e' });
    return { files, outbox, producer, emit };
  }

  return {
    backend,
    entries,
    start,
    /** Changes the backend's responses from now on. */
    answer(next: Script | undefined) {
      script = next;
    },
  };
}
