import { type OutboxOptions, openUnlocked } from '../../../src/outbox/open.ts';
import type { Outbox, OutboxRecord } from '../../../src/outbox/outbox-port.ts';
import type { OutboxReport } from '../../../src/outbox/reports.ts';
import { type Ending, type Fault, SimDisk, type SimProcess } from './sim-files.ts';

// An outbox on a disk in memory beside a plain list of what was done with it. A process can end at any call; what the list
// knows to be stored must be there afterwards, and nothing else but what was appended.

const DIR = '/data/outbox';

/** One record of the list. */
export interface Listed {
  readonly text: string;
  /** In the process that appended it last, or that found it. */
  position: number;
  fate: 'unknown' | 'stored' | 'failed';
  isSettled: boolean;
}

/** The process ended while it was being waited for. */
export const OVER = 'the process is over';

// Each outbox that is killed leaves its listener behind.
process.setMaxListeners(0);

/** A disk, the process that uses it, and the list. */
export class World {
  readonly disk: SimDisk;
  readonly list: Listed[] = [];
  /** What was once in the list. */
  readonly former = new Map<string, Listed>();
  readonly reports: OutboxReport[] = [];
  readonly dead: string[] = [];
  readonly #options: Partial<OutboxOptions>;
  process: SimProcess;
  /** A failed fsync has dropped something, once: what was never said to be stored may be seen and yet be lost. */
  hasDropped = false;
  outbox: Outbox | null = null;
  #appended = 0;

  constructor({ random = () => 0.5, ...options }: Partial<OutboxOptions> & { random?: () => number } = {}) {
    this.disk = new SimDisk(random);
    this.process = this.disk.start();
    this.#options = options;
  }

  /** Waits as long as the process lives. */
  async alive<T>(work: Promise<T>): Promise<T | typeof OVER> {
    return Promise.race([work, this.process.ended.then(() => OVER as typeof OVER)]);
  }

  /** A new process; null when it did not come to open its outbox. */
  async open(faults: readonly Fault[] = [], weather?: SimProcess['weather']): Promise<Outbox | null> {
    this.process = this.disk.start(faults);
    if (weather !== undefined) this.process.weather = weather;
    const options = { dir: DIR, quotaBytes: 1024 * 1024, segmentBytesMax: 4096, ...this.#options };
    const onReport = (report: OutboxReport) => this.reports.push(report);
    const parts = { files: this.process, release: async () => undefined, saveMs: 1 };
    const opened = await this.alive(openUnlocked({ ...options, onReport }, parts).catch(() => OVER as typeof OVER));
    this.outbox = opened === OVER ? null : opened;
    return this.outbox;
  }

  append(bytes: number): Listed {
    this.#appended += 1;
    const head = `{"n":${this.#appended},"fill":"`;
    const text = `${head}${'ä'.repeat(Math.max(0, (bytes - head.length - 2) >> 1))}"}`;
    const listed: Listed = { text, position: this.#live().append(text), fate: 'unknown', isSettled: false };
    this.list.push(listed);
    const noteFate = (failed: unknown) => {
      listed.fate = failed === null ? 'stored' : 'failed';
    };
    void this.alive(this.#live().stored(listed.position)).then((fate) => (fate === OVER ? undefined : noteFate(fate)));
    return listed;
  }

  acknowledge(records: readonly Listed[]): void {
    this.#live().acknowledge(records.map(({ position }) => position));
    for (const record of records) record.isSettled = true;
  }

  async deadLetter(listed: Listed): Promise<void> {
    const entry = { position: listed.position, record: Buffer.from(listed.text) };
    const failed = await this.alive(this.#live().deadLetter(entry, { code: 'REJECTED', detail: 'a test' }));
    if (failed !== null) return;
    listed.isSettled = true;
    this.dead.push(listed.text);
  }

  /** What is owed: stored for sure, and not settled. */
  owed(): Listed[] {
    return this.list.filter(({ fate, isSettled }) => fate === 'stored' && !isSettled);
  }

  /** What may be settled. */
  unsettled(): Listed[] {
    return this.list.filter(({ fate, isSettled }) => fate !== 'failed' && !isSettled);
  }

  /** The process ends; a clean end closes the outbox first, if it gets so far. */
  async end(ending: Ending | 'close'): Promise<'clean' | 'crashed'> {
    const closed = ending === 'close' && this.outbox !== null ? await this.alive(this.outbox.close()) : OVER;
    // What was told in this turn must be in the list before anything is compared.
    await turn();
    this.process.end();
    this.hasDropped ||= this.process.hasDropped;
    if (ending === 'power') this.disk.losePower();
    this.outbox = null;
    return closed === OVER ? 'crashed' : 'clean';
  }

  /** Reads what is pending, as text by position. */
  async read(records: AsyncIterable<OutboxRecord>): Promise<Map<number, string>> {
    const read = new Map<number, string>();
    for await (const { position, record } of records) read.set(position, Buffer.from(record).toString());
    return read;
  }

  /** After a start: the list goes on from what is there. */
  adopt(recovered: ReadonlyMap<number, string>): void {
    for (const listed of this.list) this.former.set(listed.text, listed);
    const kept = [...recovered.values()].map((text) => this.former.get(text) as Listed);
    for (const listed of kept) {
      if (!this.hasDropped) listed.fate = 'stored';
      listed.isSettled = false;
    }
    this.list.splice(0, this.list.length, ...kept);
  }

  #live(): Outbox {
    if (this.outbox === null) throw new Error('no outbox is open');
    return this.outbox;
  }
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
