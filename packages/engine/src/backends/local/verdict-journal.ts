import { closeSync, createReadStream, fstatSync, mkdirSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import type { PackRow } from '../../ports/rows.ts';
import { isErrno } from './errno.ts';

/** The outcomes answered for one pack. */
export interface AnsweredVerdicts {
  readonly pack_id: string;
  /** One letter per line, as in the PACK row. */
  readonly outcomes: string;
}

/** Records answered outcomes separately from the index, so that a rebuild can report every outcome that differs. */
export interface VerdictJournal {
  append(packs: readonly PackRow[], nowMs: number): void;
  close(): void;
}

/**
 * Writes one line per pack, in files by day, after the commit and before the answers. It does not sync: the journal survives
 * the process but not a power loss; a rebuild reports how many packs have no line.
 */
export function openVerdictJournal(dir: string, onError: (error: unknown) => void): VerdictJournal {
  const folder = join(dir, 'verdicts', 'v1');
  let day = '';
  let fd: number | null = null;
  const close = () => {
    if (fd !== null) closeSync(fd);
    fd = null;
  };
  return {
    append(packs, nowMs) {
      if (packs.length === 0) return;
      try {
        const today = new Date(nowMs).toISOString().slice(0, 10);
        if (fd === null || today !== day) {
          close();
          mkdirSync(folder, { recursive: true, mode: 0o700 });
          fd = openSync(join(folder, `${today}.ndjson`), 'a+', 0o600);
          day = today;
          endTruncatedLine(fd);
        }
        writeFully(fd, Buffer.from(packs.map(journalLine).join('')));
      } catch (error) {
        // The commit is done and must be answered; only the comparison after a loss of the index becomes incomplete.
        onError(error);
        // Opened again next time, so that no line continues one that was written in part.
        day = '';
      }
    },
    close,
  };
}

const LINE_FEED = 0x0a;

/** Ends a line that a crash or a full disk truncated: the next one would become part of it, and be lost as well. */
function endTruncatedLine(fd: number): void {
  const { size } = fstatSync(fd);
  const last = Buffer.alloc(1);
  if (size === 0 || readSync(fd, last, 0, 1, size - 1) === 0 || last[0] === LINE_FEED) return;
  writeFully(fd, Buffer.of(LINE_FEED));
}

function journalLine({ pack_id, outcomes }: PackRow): string {
  return `${JSON.stringify({ pack_id, outcomes })}\n`;
}

function writeFully(fd: number, bytes: Buffer): void {
  for (let offset = 0; offset < bytes.length; ) offset += writeSync(fd, bytes, offset);
}

/** Reads the answered outcomes in the order of the commits, without lines that a crash truncated. */
export async function* readVerdictJournal(dir: string): AsyncIterable<AnsweredVerdicts> {
  const folder = join(dir, 'verdicts', 'v1');
  for (const file of journalFiles(folder)) {
    const lines = createInterface({ input: createReadStream(join(folder, file)), crlfDelay: Number.POSITIVE_INFINITY });
    for await (const line of lines) {
      const verdicts = parseLine(line);
      if (verdicts !== null) yield verdicts;
    }
  }
}

function journalFiles(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

function parseLine(line: string): AnsweredVerdicts | null {
  try {
    const { pack_id, outcomes } = JSON.parse(line) as Partial<AnsweredVerdicts>;
    return typeof pack_id === 'string' && typeof outcomes === 'string' ? { pack_id, outcomes } : null;
  } catch {
    return null;
  }
}
