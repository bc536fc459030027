import { type Finding, STATUS, worstStatus } from './findings.ts';
import { parseObject } from './hours.ts';
import { areEqual, groupHash, hex, leafHash, lineLeaf, packLeaf, rootOfPath } from './merkle.ts';
import { cosignedAt, hasSigned, parseCheckpoint, parseNote, type VerifierKey } from './note.ts';

/** A proof that a line was in the log when a checkpoint was made: the format `pik-case/1`. */
export interface CaseProof {
  readonly format: 'pik-case/1';
  readonly event_id: string;
  readonly pack_id: string;
  /** The place of the line in its pack, from 0. */
  readonly line: number;
  /** The line as it is stored, without its line break. */
  readonly text: string;
  /** Its salt, in hexadecimal digits, as all hashes. */
  readonly salt: string;
  /** The leaves of the lines of its group, itself left out. */
  readonly group: readonly string[];
  /** From the group to the root of the pack. */
  readonly pack_path: readonly string[];
  /** The outcome of each line of the pack, a letter each. */
  readonly outcomes: string;
  /** The place of the pack in its hour, and the path to the root of the hour. */
  readonly pack_index: number;
  readonly hour_path: readonly string[];
  /** The entry of the hour, and its place in the log. */
  readonly entry: string;
  readonly entry_index: number;
  readonly log_path: readonly string[];
  /** The signed checkpoint. */
  readonly checkpoint: string;
  /** The key that signed it, as the case says. */
  readonly key: string;
}

const GROUP = 64;

/** The result of the verification of a case. */
export interface CaseVerdict {
  readonly status: number;
  readonly findings: readonly Finding[];
  readonly proof: CaseProof | null;
  readonly size: number;
  readonly origin: string;
  /** When witnesses have signed the checkpoint, in seconds since the epoch, by their names. */
  readonly witnessed: Readonly<Record<string, number>>;
}

/**
 * Checks a case against a trusted key. Without a key nothing is proven, since the case could name any: status 12.
 *
 * @example
 * import { readFileSync } from 'node:fs';
 * import { parseKey, verifyCase } from '@pik/verifier';
 *
 * const key = parseKey('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW') ?? undefined;
 * console.log(verifyCase(readFileSync('case.tar'), { key }).findings);
 */
export function verifyCase(
  file: Uint8Array,
  {
    key,
    witnesses = [],
  }: { readonly key?: VerifierKey | undefined; readonly witnesses?: readonly VerifierKey[] | undefined },
): CaseVerdict {
  const findings: Finding[] = [];
  const add = (status: number, at: string, text: string) => void findings.push({ status, at, text });
  const proof = readCase(file);
  const note = proof === null ? null : parseNote(Buffer.from(proof.checkpoint));
  const checkpoint = note === null ? null : parseCheckpoint(note);
  if (proof === null || note === null || checkpoint === null) {
    add(STATUS.differs, 'case.json', 'is not a case in the form that the kit writes');
    return { status: worstStatus(findings), findings, proof, size: 0, origin: '', witnessed: {} };
  }
  const { size, origin } = checkpoint;
  checkPaths(proof, { size, root: checkpoint.root, add });
  if (key === undefined)
    add(STATUS.signature, 'checkpoint', `no key was given; the case says that ${proof.key} signed it`);
  else if (origin !== key.name || proof.key !== key.text || !hasSigned(key, note))
    add(STATUS.signature, 'checkpoint', `is not signed by the key ${key.text}`);
  const witnessed: Record<string, number> = {};
  for (const witness of witnesses) {
    const time = cosignedAt(witness, note);
    if (time === null) add(STATUS.signature, 'checkpoint', `is not signed by the witness ${witness.name}`);
    else witnessed[witness.name] = time;
  }
  return { status: worstStatus(findings), findings, proof, size, origin, witnessed };
}

/** From the line to its group, its pack, its hour, and the log. */
function checkPaths(
  proof: CaseProof,
  { size, root, add }: { size: number; root: Buffer; add: (status: number, at: string, text: string) => void },
): void {
  const { pack_id, line, outcomes, group, pack_index, entry_index } = proof;
  const bytes = (texts: readonly string[]) => texts.map((text) => Buffer.from(text, 'hex'));
  const leaf = lineLeaf(Buffer.from(proof.salt, 'hex'), Buffer.from(proof.text));
  const groups = Math.ceil(outcomes.length / GROUP);
  const before = bytes(group);
  const leaves = [...before.slice(0, line % GROUP), leaf, ...before.slice(line % GROUP)];
  const isInside = line < outcomes.length && leaves.length === Math.min(GROUP, outcomes.length - line + (line % GROUP));
  const packRoot = rootOfPath(leafHash(groupHash(leaves)), {
    index: Math.floor(line / GROUP),
    size: groups,
    path: bytes(proof.pack_path),
  });
  const entry = parseObject(proof.entry);
  const packs = Number(entry?.packs);
  const hourRoot =
    packRoot === null || !isInside
      ? null
      : rootOfPath(packLeaf({ pack_id, outcomes, root: packRoot }), {
          index: pack_index,
          size: packs,
          path: bytes(proof.hour_path),
        });
  if (entry?.type !== 'hour' || hourRoot === null || hex(hourRoot) !== entry.root)
    add(STATUS.differs, 'line', 'the line, with its salt and paths, does not lead to the root of its hour');
  const path = { index: entry_index, size, path: bytes(proof.log_path) };
  const logRoot = rootOfPath(leafHash(Buffer.from(proof.entry)), path);
  if (logRoot === null || !areEqual(logRoot, root))
    add(STATUS.differs, 'entry', 'the entry of the hour is not in the log of the checkpoint');
  const envelope = parseObject(proof.text);
  if (envelope?.event_id !== proof.event_id || envelope.line !== line)
    add(STATUS.differs, 'line', 'is not a receipt of the event');
}

const START = '<script type="application/json" id="pik-case">';
const NAME = 'case.json';
const BLOCK = 512;

/** Reads a case: JSON, the `case.json` of a tar, or the data block of a page. Null unless it is exactly as it is written. */
export function readCase(file: Uint8Array): CaseProof | null {
  const text = jsonOf(Buffer.from(file));
  const proof = parseObject(text);
  return proof !== null && isProof(proof) && `${JSON.stringify(proof, null, 2)}\n` === text ? proof : null;
}

function jsonOf(file: Buffer): string {
  if (file.toString('latin1', 257, 262) === 'ustar') {
    const size = Number.parseInt(file.toString('latin1', 124, 135), 8);
    return file.toString('latin1', 0, NAME.length + 1) === `${NAME}\0`
      ? file.toString('utf8', BLOCK, BLOCK + size)
      : '';
  }
  const text = file.toString('utf8');
  const start = text.indexOf(START);
  return start < 0 ? text : text.slice(start + START.length, text.indexOf('</script>', start));
}

const TEXTS = ['event_id', 'pack_id', 'text', 'salt', 'outcomes', 'entry', 'checkpoint', 'key'];
const NUMBERS = ['line', 'pack_index', 'entry_index'];
const LISTS = ['group', 'pack_path', 'hour_path', 'log_path'];

function isProof(value: object): value is CaseProof {
  const members = new Map<string, unknown>(Object.entries(value));
  const isHex = (text: unknown, digits: number) =>
    typeof text === 'string' && text.length === digits && /^[0-9a-f]*$/.test(text);
  return (
    members.get('format') === 'pik-case/1' &&
    members.size === 1 + TEXTS.length + NUMBERS.length + LISTS.length &&
    TEXTS.every((name) => typeof members.get(name) === 'string') &&
    NUMBERS.every((name) => Number.isSafeInteger(members.get(name)) && Number(members.get(name)) >= 0) &&
    isHex(members.get('salt'), 32) &&
    LISTS.map((name) => members.get(name)).every((list) => Array.isArray(list) && list.every((hash) => isHex(hash, 64)))
  );
}
