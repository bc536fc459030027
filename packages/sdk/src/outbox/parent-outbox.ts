import type { KitError } from '@pik/schema/events';
import { abandonedIn, tryLock } from './claims.ts';
import type { DeadLetterReason, Outbox, OutboxRecord, OutboxStats } from './outbox-port.ts';
import type { OwnerLock } from './owner-lock.ts';
import type { Reporter } from './reports.ts';

/** An adopted outbox of a dead member. */
interface Adopted {
  readonly outbox: Outbox;
  isReading: boolean;
  /** Set once it is being closed. */
  closed: Promise<void> | null;
}

/** Dependencies of an outbox with a parent. */
export interface ParentOutboxDeps {
  readonly parent: string;
  readonly own: Outbox;
  readonly report: Reporter;
  /** Opens a locked folder. Closing the outbox removes it if everything was sent. */
  readonly open: (dir: string, lock: OwnerLock) => Promise<Outbox>;
}

/** Most folders adopted at a time; each needs a few open files. The others follow once these are sent. */
const ADOPTED_MAX = 16;

/**
 * The outbox of one member of a service: its own folder in a parent, and the folders of dead members, which it adopts
 * one by one until they are sent. The lock gives a folder one owner, so two members never send the same one. Records of
 * adopted folders have negative positions while they are in flight.
 */
export class ParentOutbox implements Outbox {
  readonly #deps: ParentOutboxDeps;
  readonly #own: Outbox;
  readonly #adopted = new Map<string, Adopted>();
  readonly #aliases = new Map<number, { readonly box: Adopted; readonly position: number }>();
  #lastAlias = 0;
  #adoptedCount = 0;
  #abandonedCount = 0;
  #isClosed = false;

  constructor(deps: ParentOutboxDeps) {
    this.#deps = deps;
    this.#own = deps.own;
  }

  append(record: string | Uint8Array): number {
    return this.#own.append(record);
  }

  stored(position: number): Promise<KitError | null> {
    return this.#own.stored(position);
  }

  ready(): Promise<void> {
    return this.#own.ready();
  }

  acknowledge(positions: Iterable<number>): void {
    const own: number[] = [];
    const others = new Map<Adopted, number[]>();
    for (const alias of positions) {
      const at = alias < 0 ? this.#aliases.get(alias) : undefined;
      if (alias >= 0) own.push(alias);
      if (at === undefined) continue;
      this.#aliases.delete(alias);
      const list = others.get(at.box);
      if (list === undefined) others.set(at.box, [at.position]);
      else list.push(at.position);
    }
    if (own.length > 0) this.#own.acknowledge(own);
    for (const [box, list] of others) {
      box.outbox.acknowledge(list);
      this.#endIfSent(box);
    }
  }

  async deadLetter(entry: OutboxRecord, reason: DeadLetterReason): Promise<KitError | null> {
    if (entry.position >= 0) return this.#own.deadLetter(entry, reason);
    const at = this.#aliases.get(entry.position);
    if (at === undefined) return null;
    const failed = await at.box.outbox.deadLetter({ position: at.position, record: entry.record }, reason);
    if (failed === null) {
      this.#aliases.delete(entry.position);
      this.#endIfSent(at.box);
    }
    return failed;
  }

  readRecovered(): AsyncIterable<OutboxRecord> {
    return this.#own.readRecovered();
  }

  readPending(range?: { readonly after?: number; readonly through?: number }): AsyncIterable<OutboxRecord> {
    return this.#own.readPending(range);
  }

  async *readAbandoned(): AsyncGenerator<OutboxRecord> {
    for (const box of [...this.#adopted.values()]) yield* this.#recordsOf(box);
    const abandoned = await abandonedIn(this.#deps.parent);
    this.#abandonedCount = abandoned.length;
    for (const dir of abandoned) {
      if (this.#isClosed || this.#adopted.size >= ADOPTED_MAX) return;
      const box = await this.#adopt(dir);
      this.#abandonedCount -= 1;
      if (box !== null) yield* this.#recordsOf(box);
    }
  }

  stats(): OutboxStats {
    const own = this.#own.stats();
    const boxes = [...this.#adopted.values()].map(({ outbox }) => outbox.stats());
    const times = [own, ...boxes].map(({ oldest_stored_at }) => oldest_stored_at).filter((time) => time !== null);
    return {
      ...own,
      pending_count: boxes.reduce((sum, { pending_count }) => sum + pending_count, own.pending_count),
      oldest_stored_at: times.sort()[0] ?? null,
      abandoned_count: this.#abandonedCount,
      adopted_count: this.#adoptedCount,
    };
  }

  flush(): Promise<void> {
    return this.#own.flush();
  }

  /** Leaves the rest of adopted folders to other members, or to the next start. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#own.close();
    for (const box of this.#adopted.values()) this.#end(box);
    await Promise.all([...this.#adopted.values()].map(({ closed }) => closed));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #adopt(dir: string): Promise<Adopted | null> {
    const lock = await tryLock(dir);
    if (lock === null) return null;
    try {
      const outbox = await this.#deps.open(dir, lock);
      const box: Adopted = { outbox, isReading: false, closed: null };
      this.#adopted.set(dir, box);
      // Another member may have sent it all since the folders were listed; then nothing is left to adopt.
      if (outbox.stats().pending_count > 0) this.#adoptedCount += 1;
      return box;
    } catch (cause) {
      const detail = `an abandoned outbox cannot be adopted: ${cause instanceof Error ? cause.message : String(cause)}`;
      this.#deps.report({ kind: 'adoption_failed', detail, file: dir });
      return null;
    }
  }

  async *#recordsOf(box: Adopted): AsyncGenerator<OutboxRecord> {
    if (box.closed !== null) return;
    // Records that were returned before and are still pending get new positions.
    for (const [alias, at] of this.#aliases) if (at.box === box) this.#aliases.delete(alias);
    box.isReading = true;
    try {
      for await (const { position, record } of box.outbox.readPending()) {
        this.#lastAlias -= 1;
        this.#aliases.set(this.#lastAlias, { box, position });
        yield { position: this.#lastAlias, record };
      }
    } finally {
      box.isReading = false;
      this.#endIfSent(box);
    }
  }

  #endIfSent(box: Adopted): void {
    if (!box.isReading && box.outbox.stats().pending_count === 0) this.#end(box);
  }

  #end(box: Adopted): void {
    box.closed ??= box.outbox
      .close()
      .catch((cause: unknown) => {
        this.#deps.report({ kind: 'adoption_failed', detail: String(cause), file: this.#deps.parent });
      })
      .then(() => {
        for (const [dir, one] of this.#adopted) if (one === box) this.#adopted.delete(dir);
      });
  }
}
