import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeFileSync } from 'node:fs';

/** A file to which lines are appended. */
export interface AppendFile {
  /** Writes a line, synced to the disk when it returns. */
  add(line: string): void;
  close(): void;
}

const LINE_FEED = 0x0a;

/** Opens a file for appending, and creates it if it is missing. A partly written last line is ended first. */
export function openAppend(path: string): AppendFile {
  const file = openSync(path, 'a+', 0o600);
  return {
    add(line) {
      endTruncatedLine(file);
      writeFileSync(file, `${line}\n`);
      fsyncSync(file);
    },
    close: () => closeSync(file),
  };
}

/** Ends a line that a crash or a full disk truncated. */
function endTruncatedLine(file: number): void {
  const { size } = fstatSync(file);
  const last = Buffer.alloc(1);
  if (size === 0 || readSync(file, last, 0, 1, size - 1) === 0 || last[0] === LINE_FEED) return;
  writeFileSync(file, '\n');
}
