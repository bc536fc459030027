import { type OutboxOptions, openUnlocked } from '../../../src/outbox/open.ts';
import type { Outbox, OutboxRecord } from '../../../src/outbox/outbox-port.ts';
import type { OutboxReport } from '../../../src/outbox/reports.ts';
import { type Ending, type Fault, SimDisk, type SimProcess } from './sim-files.ts';

// An outbox on a disk in memory, and a plain list of the operations on it. A process can end at any call. Afterwards,
// all records that the list knows to be stored must exist, and only appended ones may.

const DIR = '/data/outbox';

/** One record of the list. */
export interface Listed {
  readonly text: string;
  /** Position in the process that appended or found it last. */
  position: number;
  fate: 'unknown' | 'stored' | 'failed';
  isSettled: boolean;
}

/** The process ended during the wait. */
export const OVER = 'the process is over';

// Each killed outbox leaves its listener behind.
process.setMaxListeners(0);

/** A disk, the process that uses it, and the list. */
export class World {
  readonly disk: SimDisk;
  readonly list: Listed[] = [];
  /** Records that were once in the list. */
  readonly former = new Map<string, Listed>();
  readonly reports: OutboxReport[] = [];
  readonly dead: string[] = [];
  readonly #options: Omit<OutboxOptions, 'dir' | 'parent'>;
  process: SimProcess;
  /**
   * Whether a failed fsync has dropped data: a record that was never reported as stored may be visible and yet be lost.
   */
  hasDropped = false;
  outbox: Outbox | null = null;
  #appended = 0;

  constructor({
    random = () => 0.5,
    ...options
  }: Omit<OutboxOptions, 'dir' | 'parent'> & { random?: () => number } = {}) {
    this.disk = new SimDisk(random);
    this.process = this.disk.start();
    this.#options = options;
  }

  /** Waits while the process is alive. */
  async alive<T>(work: Promise<T>): Promise<T | typeof OVER> {
    return Promise.race([work, this.process.ended.then((): typeof OVER => OVER)]);
  }

  /** Starts a new process; null if it ended before its outbox was open. */
  async open(faults: readonly Fault[] = [], faultOf?: SimProcess['faultOf']): Promise<Outbox | null> {
    this.process = this.disk.start(faults);
    if (faultOf !== undefined) this.process.faultOf = faultOf;
    const options = { dir: DIR, quotaBytes: 1024 * 1024, segmentBytesMax: 4096, ...this.#options };
    const onReport = (report: OutboxReport) => this.reports.push(report);
    const parts = { files: this.process, release: async () => undefined, saveMs: 1 };
    const opened = await this.alive(openUnlocked({ ...options, onReport }, parts).catch((): typeof OVER => OVER));
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

  /** Records that are certainly stored and not acknowledged. */
  owed(): Listed[] {
    return this.list.filter(({ fate, isSettled }) => fate === 'stored' && !isSettled);
  }

  /** Records that may be acknowledged. */
  unsettled(): Listed[] {
    return this.list.filter(({ fate, isSettled }) => fate !== 'failed' && !isSettled);
  }

  /** Ends the process; a clean end closes the outbox first, if it gets that far. */
  async end(ending: Ending | 'close'): Promise<'clean' | 'crashed'> {
    const closed = ending === 'close' && this.outbox !== null ? await this.alive(this.outbox.close()) : OVER;
    // Results of this turn must be in the list before anything is compared.
    await turn();
    this.process.end();
    this.hasDropped ||= this.process.hasDropped;
    if (ending === 'power') this.disk.losePower();
    this.outbox = null;
    return closed === OVER ? 'crashed' : 'clean';
  }

  /** Reads the pending records, as text by position. */
  async read(records: AsyncIterable<OutboxRecord>): Promise<Map<number, string>> {
    const read = new Map<number, string>();
    for await (const { position, record } of records) read.set(position, Buffer.from(record).toString());
    return read;
  }

  /** Replaces the list by the records found after a start. */
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
