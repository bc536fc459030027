import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { nodeFiles } from '../../../src/outbox/files.ts';
import { type OutboxOptions, openUnlocked } from '../../../src/outbox/open.ts';
import type { Outbox } from '../../../src/outbox/outbox-port.ts';
import type { OutboxReport } from '../../../src/outbox/reports.ts';

/** A folder on the real disk for one test. */
export interface Sandbox {
  readonly dir: string;
  read(name: string): Buffer;
  write(name: string, bytes: Uint8Array): void;
  list(): string[];
  /** A copy of the files in another folder. */
  copy(): Sandbox;
  remove(): void;
}

/** Creates an empty folder that is removed after the test. */
export function sandbox(): Sandbox {
  const dir = mkdtempSync(join(tmpdir(), 'pik-outbox-'));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  onTestFinished(remove);
  return {
    dir,
    read: (name) => readFileSync(join(dir, name)),
    write: (name, bytes) => writeFileSync(join(dir, name), bytes),
    list: () => readdirSync(dir).sort(),
    copy() {
      const other = sandbox();
      cpSync(dir, other.dir, { recursive: true });
      return other;
    },
    remove,
  };
}

/** Real files without the wait for fsync: these tests check what is written, not whether it lasts. */
const files = { ...nodeFiles, sync: async () => undefined, syncDir: async () => undefined };

/**
 * An outbox over the sandbox, without a lock, that saves its cursor on close or when it needs space. Its reports fail
 * the test, unless the test handles them.
 */
export function openOver(box: Sandbox, options: Partial<OutboxOptions> = {}): Promise<Outbox> {
  const onReport = (report: OutboxReport) => {
    throw new Error(report.detail);
  };
  const parts = { files, release: async () => undefined, saveMs: 60_000 };
  return openUnlocked({ quotaBytes: 1024 * 1024, onReport, ...options, dir: box.dir }, parts);
}

/** The pending records, in order. */
export async function pending(outbox: Outbox): Promise<{ position: number; bytes: Buffer; text: string }[]> {
  const found = [];
  for await (const { position, record } of outbox.readPending()) {
    const bytes = Buffer.from(record);
    found.push({ position, bytes, text: bytes.toString() });
  }
  return found;
}

/** The content of a file that a report names. */
export function fileOf(path: string | null): Buffer {
  return readFileSync(path as string);
}
