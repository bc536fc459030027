import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { KitError } from '@pik/schema';

import { type AppendFile, openAppend } from './open-append.ts';

/** The events of a delivery and its target; written before its first event is sent. */
export interface DeliveryRecord {
  readonly replay_id: string;
  readonly target: string;
  readonly selection: Readonly<Record<string, unknown>>;
  /** SHA-256 of the module that transforms events; null without one. */
  readonly transform: string | null;
  readonly started_at: string;
}

/** How the sending of one event ended. */
export interface Outcome {
  readonly event_id: string;
  /** `HELD`: an earlier event of its entity has failed, so it was not sent. */
  readonly outcome: 'DELIVERED' | 'SKIPPED' | 'FAILED' | 'HELD';
  readonly attempts: number;
  readonly error: string | null;
}

/** The folder of a delivery: what it is, and an outcome for each event. */
export class Journal {
  readonly record: DeliveryRecord;
  /** Events that are not sent again. */
  readonly ended: ReadonlySet<string>;
  readonly #file: AppendFile;
  readonly #dir: string;

  private constructor(dir: string, record: DeliveryRecord) {
    this.#dir = dir;
    this.record = record;
    this.ended = readEnded(outcomesOf(dir));
    this.#file = openAppend(outcomesOf(dir));
  }

  /** Begins a delivery in a folder that has none. Throws `REQUEST_INVALID` if it has one. */
  static create(dir: string, record: DeliveryRecord): Journal {
    if (existsSync(recordOf(dir)))
      throw new KitError('REQUEST_INVALID', `${dir} has a delivery; --resume ${dir} continues it`);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // Complete or absent: a crash leaves no half of it.
    writeFileSync(`${recordOf(dir)}.partial`, `${JSON.stringify(record)}\n`, { mode: 0o600, flush: true });
    renameSync(`${recordOf(dir)}.partial`, recordOf(dir));
    return new Journal(dir, record);
  }

  /** Continues the delivery of a folder. Throws `REQUEST_INVALID` if it has none. */
  static open(dir: string): Journal {
    if (!existsSync(recordOf(dir))) throw new KitError('REQUEST_INVALID', `${dir} has no delivery`);
    return new Journal(dir, JSON.parse(readFileSync(recordOf(dir), 'utf8')));
  }

  /** Keeps the outcome of an event, synced to the disk. */
  add(outcome: Outcome): void {
    this.#file.add(JSON.stringify(outcome));
  }

  /** True while a file `pause` is in the folder. */
  get isPaused(): boolean {
    return existsSync(join(this.#dir, 'pause'));
  }

  close(): void {
    this.#file.close();
  }
}

const recordOf = (dir: string) => join(dir, 'delivery.json');
const outcomesOf = (dir: string) => join(dir, 'outcomes.ndjson');

function readEnded(file: string): Set<string> {
  const ended = new Set<string>();
  if (!existsSync(file)) return ended;
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const outcome = parsed(line);
    if (outcome?.outcome === 'DELIVERED' || outcome?.outcome === 'SKIPPED') ended.add(outcome.event_id);
  }
  return ended;
}

function parsed(line: string): Outcome | null {
  try {
    return line === '' ? null : JSON.parse(line);
  } catch {
    return null;
  }
}
