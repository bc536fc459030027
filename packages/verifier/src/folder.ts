import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

import { type Finding, STATUS } from './findings.ts';
import { hex, sha256 } from './merkle.ts';

const SUMS = 'SHA256SUMS';

/** The files of an export. Each is read once; files that nothing reads are reported by `checkRest`. */
export interface Folder {
  readonly names: ReadonlySet<string>;
  readonly findings: Finding[];
  add(status: number, at: string, text: string): void;
  /** The bytes of a file; null if it is missing or cannot be read, which is reported. */
  read(name: string): Buffer | null;
  /** Reports files that are in the folder and were not read, and those whose hash is not the one in the list of hashes. */
  checkRest(): void;
}

/** Opens an export. Throws the error of the file system if the folder cannot be listed. */
export function openFolder(dir: string): Folder {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  const paths = entries.map(({ parentPath, name }) => relative(dir, join(parentPath, name)).split(sep).join('/'));
  const names = new Set(paths);
  const findings: Finding[] = [];
  const hashes = new Map<string, string>();
  const add = (status: number, at: string, text: string) => void findings.push({ status, at, text });
  const read = (name: string) => {
    if (!names.has(name)) {
      add(STATUS.missing, name, 'is missing');
      return null;
    }
    try {
      const bytes = readFileSync(join(dir, name));
      hashes.set(name, hex(sha256(bytes)));
      return bytes;
    } catch (error) {
      add(STATUS.unreadable, name, `cannot be read: ${String(error)}`);
      return null;
    }
  };
  return {
    names,
    findings,
    add,
    read,
    checkRest() {
      const bytes = read(SUMS);
      for (const name of names) if (!hashes.has(name)) add(STATUS.extra, name, 'is not part of the log');
      if (bytes === null) return;
      const sums = bytes.toString('utf8');
      const listed = new Map<string, string>();
      for (const line of sums.split('\n').slice(0, -1)) {
        const [, hash = '', name = ''] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? [];
        if (name === '' || listed.has(name))
          add(STATUS.differs, SUMS, 'has a line in another form than the kit writes');
        listed.set(name, hash);
      }
      for (const [name, hash] of hashes)
        if (name !== SUMS && listed.get(name) !== hash)
          add(STATUS.differs, name, `does not have the hash that ${SUMS} lists`);
      for (const name of listed.keys())
        if (name !== '' && !hashes.has(name))
          add(STATUS.missing, name, `is listed in ${SUMS} and is not part of the log`);
      if (!sums.endsWith('\n')) add(STATUS.differs, SUMS, 'is cut');
    },
  };
}
