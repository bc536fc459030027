import { readFileSync } from 'node:fs';

import { type Finding, STATUS, worstStatus } from './findings.ts';
import { type Folder, openFolder } from './folder.ts';
import { checkHour, type Gone, type HourEntry, parseObject } from './hours.ts';
import { followRotations, type KeyEntry, readCheckpoint } from './keys.ts';
import { areEqual, leafHash, rootOf, treeLevels } from './merkle.ts';
import {
  type Checkpoint,
  cosignedAt,
  hasSigned,
  type Note,
  parseCheckpoint,
  parseNote,
  type VerifierKey,
} from './note.ts';

/** The keys and the checkpoint with which an export is compared. */
export interface ExportOptions {
  /** The key that is trusted, of the log now or before a rotation. */
  readonly key: VerifierKey;
  /** A file with a checkpoint that was kept: the log must continue it. */
  readonly pin?: string | undefined;
  /** The keys of witnesses, and how many of them must have signed. Default: all. */
  readonly witnesses?: readonly VerifierKey[] | undefined;
  readonly quorum?: number | undefined;
}

/** The result of a verification. */
export interface Verdict {
  /** One of `STATUS`. */
  readonly status: number;
  readonly findings: readonly Finding[];
  readonly origin: string;
  readonly entries: number;
  /** Hours of the log whose packs were checked, and their lines. */
  readonly hours: number;
  readonly lines: number;
  /** Hours of the log that are outside of the range of the export. */
  readonly hours_outside: number;
  /** Hours whose files ended by a policy that the log names. */
  readonly hours_expired: number;
  /** When witnesses have signed the checkpoint, in seconds since the epoch, by their names. */
  readonly witnessed: Readonly<Record<string, number>>;
  /** True if there is a time stamp, which `openssl ts -verify` can check against its authority. */
  readonly stamped: boolean;
}

const TILE = 256;

/**
 * Checks an export against a trusted key: every signature, every entry up to the signed size, every pack of every hour of its range,
 * and that there is nothing else. Throws the error of the file system if the folder, or the pin, cannot be read at all.
 *
 * @example
 * import { parseKey, verifyExport } from '@pik/verifier';
 *
 * const key = parseKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
 * if (key !== null) console.log(verifyExport('export', { key }).status);
 */
export function verifyExport(dir: string, options: ExportOptions): Verdict {
  const folder = openFolder(dir);
  const none = {
    origin: '',
    entries: 0,
    hours: 0,
    lines: 0,
    hours_outside: 0,
    hours_expired: 0,
    witnessed: {},
    stamped: false,
  };
  const signed = readCheckpoint(folder, 'checkpoint');
  const log = signed === null ? null : readLog(folder, signed.checkpoint.size);
  if (signed === null || log === null)
    return { ...none, status: worstStatus(folder.findings), findings: folder.findings };
  const { note, checkpoint } = signed;
  const root = (size: number) => rootOf(log.leaves.slice(0, size));
  if (!areEqual(root(checkpoint.size), checkpoint.root))
    folder.add(STATUS.differs, 'checkpoint', 'the root of the entries is not the signed one');
  const key = followRotations(folder, options.key, { keys: log.keys, root });
  if (checkpoint.origin !== key.name || !hasSigned(key, note))
    folder.add(STATUS.signature, 'checkpoint', `is not signed by the key ${key.text}`);
  const named = folder.read('vkey.txt')?.toString('utf8');
  if (named !== undefined && named !== `${key.text}\n`)
    folder.add(STATUS.differs, 'vkey.txt', 'is not the key that signs');
  const stamped = checkStamp(folder, note, checkpoint.size);
  const witnessed = checkWitnesses(folder, note, options);
  if (options.pin !== undefined) checkPin(folder, options.pin, { log, checkpoint, note });
  const hours = checkHours(folder, log);
  folder.checkRest();
  const { findings } = folder;
  return {
    status: worstStatus(findings),
    findings,
    origin: checkpoint.origin,
    entries: checkpoint.size,
    witnessed,
    stamped,
    ...hours,
  };
}

interface Log extends Gone {
  readonly leaves: readonly Buffer[];
  readonly keys: readonly KeyEntry[];
  /** The generations of each hour, the latest last; a restored backup starts them again. */
  readonly hours: ReadonlyMap<string, readonly HourEntry[]>;
  /** The hours before this one may have ended. */
  readonly expiredThrough: string;
}

/** Reads the entries of a log of this size; null if one is missing. Checks the tiles of hashes. */
function readLog(folder: Folder, size: number): Log | null {
  const leaves: Buffer[] = [];
  const keys: KeyEntry[] = [];
  const hours = new Map<string, HourEntry[]>();
  const log = { leaves, keys, hours, erasures: new Set<string>(), policies: new Set<string>(), expiredThrough: '' };
  const restored = new Set<string>();
  for (let start = 0; start < size; start += TILE) {
    const name = tilePath('entries', start / TILE, Math.min(TILE, size - start));
    const bytes = folder.read(name);
    if (bytes === null) return null;
    for (let at = 0; at < bytes.length; ) {
      const end = at + 2 + (at + 2 > bytes.length ? bytes.length : bytes.readUInt16BE(at));
      const entry = parseObject(bytes.toString('utf8', at + 2, end));
      if (end > bytes.length || entry === null) {
        folder.add(STATUS.differs, name, `the entry ${leaves.length} cannot be read`);
        return null;
      }
      addEntry(log, entry, restored);
      leaves.push(leafHash(bytes.subarray(at + 2, end)));
      at = end;
    }
    if (leaves.length !== Math.min(size, start + TILE)) {
      folder.add(STATUS.differs, name, 'does not have the signed number of entries');
      return null;
    }
  }
  checkTiles(folder, leaves);
  return log;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type OpenLog = Mutable<Pick<Log, 'leaves' | 'expiredThrough'>> & {
  keys: KeyEntry[];
  hours: Map<string, HourEntry[]>;
  erasures: Set<string>;
  policies: Set<string>;
};

function addEntry(log: OpenLog, entry: Record<string, unknown>, restored: Set<string>): void {
  const { type } = entry;
  const index = log.leaves.length;
  if (type === 'key') log.keys.push({ index, next: String(entry.next), lost: entry.lost === true });
  if (type === 'erasure') log.erasures.add(String(entry.id));
  if (type === 'restore') for (const h of log.hours.keys()) restored.add(h);
  if (type === 'expiry') {
    log.policies.add(String(entry.policy));
    if (String(entry.through) > log.expiredThrough) log.expiredThrough = String(entry.through);
  }
  if (type !== 'hour' || !isHourEntry(entry)) return;
  log.hours.set(entry.h, restored.delete(entry.h) ? [entry] : [...(log.hours.get(entry.h) ?? []), entry]);
}

function isHourEntry(entry: Record<string, unknown>): entry is Record<string, unknown> & HourEntry {
  const { h, g, packs, lines, counts, root } = entry;
  const areNumbers = [g, packs, lines].every((value) => Number.isSafeInteger(value));
  const isCounts = typeof counts === 'object' && counts !== null;
  return (
    areNumbers && isCounts && typeof root === 'string' && typeof h === 'string' && /^\d{4}-\d\d-\d\dT\d\d$/.test(h)
  );
}

/** The path of a tile (C2SP `tlog-tiles`). */
function tilePath(level: number | 'entries', index: number, width: number): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0');
  const name = digits.replace(/\d{3}(?=\d)/g, 'x$&/');
  return `tile/${level}/${name}${width === TILE ? '' : `.p/${width}`}`;
}

function checkTiles(folder: Folder, leaves: readonly Buffer[]): void {
  const levels = treeLevels(leaves);
  for (let level = 0; leaves.length >= TILE ** level && leaves.length > 0; level++) {
    const nodes = (levels[level * 8] ?? []).slice(0, Math.floor(leaves.length / TILE ** level));
    for (let start = 0; start < nodes.length; start += TILE) {
      const tile = nodes.slice(start, start + TILE);
      const name = tilePath(level, start / TILE, tile.length);
      const bytes = folder.read(name);
      if (bytes !== null && !areEqual(bytes, Buffer.concat(tile)))
        folder.add(STATUS.differs, name, 'does not have the hashes of the entries');
    }
  }
}

function checkWitnesses(folder: Folder, note: Note, { witnesses = [], quorum = witnesses.length }: ExportOptions) {
  const times = witnesses.map((key) => [key.name, cosignedAt(key, note)] as const);
  const witnessed: Record<string, number> = {};
  for (const [name, time] of times) if (time !== null) witnessed[name] = time;
  const count = times.filter(([, time]) => time !== null).length;
  if (count < quorum)
    folder.add(STATUS.signature, 'checkpoint', `${count} of the witnesses have signed, but ${quorum} are required`);
  return witnessed;
}

/** A stamp is of the checkpoint as it was signed; its own signature is left to whoever knows the authority. */
function checkStamp(folder: Folder, note: Note, size: number): boolean {
  const name = `stamps/${size}`;
  if (!folder.names.has(`${name}.tsr`)) return false;
  folder.read(`${name}.tsr`);
  if (readCheckpoint(folder, name)?.note.text === note.text) return true;
  folder.add(STATUS.differs, name, 'is not the checkpoint');
  return false;
}

function checkPin(folder: Folder, path: string, now: { log: Log; checkpoint: Checkpoint; note: Note }): void {
  const pinned = parseNote(readFileSync(path));
  const pin = pinned === null ? null : parseCheckpoint(pinned);
  if (pin === null || pinned === null) {
    folder.add(STATUS.unreadable, path, 'is not a checkpoint');
    return;
  }
  const { checkpoint, log, note } = now;
  const isContinued = pin.size <= checkpoint.size && areEqual(rootOf(log.leaves.slice(0, pin.size)), pin.root);
  if (isContinued && pin.origin === checkpoint.origin) return;
  folder.add(
    STATUS.fork,
    'checkpoint',
    `does not continue the pinned one. Pinned:\n${pinned.text}\nHere:\n${note.text}`,
  );
}

/** Checks the hours of the range of an export. */
function checkHours(folder: Folder, log: Log) {
  const [from, to] = rangeOf(folder);
  const found = { hours: 0, lines: 0, hours_outside: 0, hours_expired: 0 };
  for (const [h, generations] of log.hours) {
    const latest = generations.at(-1);
    if (latest === undefined) continue;
    const prefix = `hours/v1/${h.slice(0, 10)}/${h.slice(11)}/`;
    if (h < from || h >= to) found.hours_outside += 1;
    else if (h < log.expiredThrough && !folder.names.has(`${prefix}g${latest.g}.outcomes`)) found.hours_expired += 1;
    else {
      found.lines += checkHour(folder, latest, { earlier: generations.slice(0, -1), gone: log });
      found.hours += 1;
    }
  }
  return found;
}

/** The range of an export of a part of the log, which the file says that such an export has. */
function rangeOf(folder: Folder): [string, string] {
  const text = folder.names.has('range.txt') ? (folder.read('range.txt')?.toString('utf8') ?? '') : '- -\n';
  const [, from = '', to = ''] = /^(\S+) (\S+)\n$/.exec(text) ?? [];
  if (from === '') folder.add(STATUS.differs, 'range.txt', 'is not a range');
  return [from === '-' ? '' : from, to === '-' ? '~' : to];
}
