import { STATUS } from './findings.ts';
import type { Folder } from './folder.ts';
import { unpack } from './gzip.ts';
import { GROUP_LINES, groupHash, hex, leafHash, lineLeaf, packLeaf, rootOf, SALT_BYTES, saltsOf } from './merkle.ts';
import { textOf } from './note.ts';

/** An entry of the log about an hour. */
export interface HourEntry {
  readonly h: string;
  readonly g: number;
  readonly packs: number;
  readonly lines: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly root: string;
}

/** The reasons that the log has for lines that are no longer there. */
export interface Gone {
  /** The ids of erasures, and the policies of expiry. */
  readonly erasures: ReadonlySet<string>;
  readonly policies: ReadonlySet<string>;
}

const PACK_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

type Salts = { readonly seed: string } | { readonly salts: readonly (string | null)[] };

/** Checks the files of an hour against its entry; returns the number of lines checked. `earlier` are the generations before it. */
export function checkHour(
  folder: Folder,
  entry: HourEntry,
  { earlier, gone }: { earlier: readonly HourEntry[]; gone: Gone },
): number {
  const start = `hours/v1/${entry.h.slice(0, 10)}/${entry.h.slice(11)}/g`;
  const outcomes = outcomesOf(folder, `${start}${entry.g}.outcomes`);
  const seeds = seedsOf(folder, latest(folder, `${start}${entry.g}`, ['.s', '.seeds']));
  if (outcomes === null || seeds === null) return 0;
  const leaves = new Map<string, Buffer>();
  let lines = 0;
  let isWhole = true;
  const counts: Record<string, number> = {};
  for (const [pack_id, letters] of outcomes) {
    const name = latest(folder, `packs/${pack_id}`, ['.r', '.ndjson.gz']);
    const bytes = folder.read(name);
    const root =
      bytes === null ? null : packRoot(folder, name, { bytes, lines: letters.length, salts: seeds.get(pack_id), gone });
    lines += letters.length;
    for (const letter of letters) counts[letter] = (counts[letter] ?? 0) + 1;
    if (root === null) isWhole = false;
    else leaves.set(pack_id, packLeaf({ pack_id, outcomes: letters, root }));
  }
  const at = `hour ${entry.h}`;
  if (isWhole && hex(rootOf([...leaves.values()])) !== entry.root)
    folder.add(STATUS.differs, at, 'the root of its packs, outcomes and seeds is not the signed one');
  if (entry.packs !== outcomes.size || entry.lines !== lines || !sameCounts(counts, entry.counts))
    folder.add(STATUS.differs, at, 'the number of its packs or outcomes is not the signed one');
  for (const before of earlier) checkEarlier(folder, before, { start, leaves, outcomes, isWhole });
  return isWhole ? lines : 0;
}

/** A generation holds the packs of those before it, with the same leaves. */
function checkEarlier(
  folder: Folder,
  before: HourEntry,
  now: { start: string; leaves: ReadonlyMap<string, Buffer>; outcomes: ReadonlyMap<string, string>; isWhole: boolean },
): void {
  const packs = outcomesOf(folder, `${now.start}${before.g}.outcomes`);
  if (packs === null) return;
  const isPart = [...packs].every(([pack_id, letters]) => now.outcomes.get(pack_id) === letters);
  const leaves = [...packs.keys()].flatMap((pack_id) => now.leaves.get(pack_id) ?? []);
  if (!isPart || (now.isWhole && hex(rootOf(leaves)) !== before.root))
    folder.add(
      STATUS.differs,
      `hour ${before.h}`,
      `generation ${before.g} has packs that a later one lacks or has changed`,
    );
}

/** The highest revision of a file, such as `<stem>.r2.ndjson.gz`, or the file itself. */
function latest({ names }: Folder, stem: string, [mark, end]: readonly [string, string]): string {
  let best = `${stem}${end}`;
  for (let k = 1; names.has(`${stem}${mark}${k}${end}`); k++) best = `${stem}${mark}${k}${end}`;
  return best;
}

function outcomesOf(folder: Folder, name: string): Map<string, string> | null {
  return packLines(folder, name, (line) => {
    const { outcomes, ...rest } = line;
    return typeof outcomes === 'string' && /^[A-Z]+$/.test(outcomes) && Object.keys(rest).length === 1
      ? outcomes
      : null;
  });
}

function seedsOf(folder: Folder, name: string): Map<string, Salts> | null {
  const isSalt = (salt: unknown) => typeof salt === 'string' && /^[0-9a-f]{32}$/.test(salt);
  return packLines<Salts>(folder, name, (line) => {
    const { seed, salts } = line;
    if (typeof seed === 'string' && isSalt(seed)) return { seed };
    return Array.isArray(salts) && salts.every((salt) => salt === null || isSalt(salt)) ? { salts } : null;
  });
}

/** A file with a JSON object for each pack, in the order of their ids, exactly as it was written. */
function packLines<T>(
  folder: Folder,
  name: string,
  read: (line: Record<string, unknown>) => T | null,
): Map<string, T> | null {
  const bytes = folder.read(name);
  if (bytes === null) return null;
  const found = new Map<string, T>();
  let last = '';
  const isWritten = (textOf(bytes) ?? '?').split('\n').every((text, i, all) => {
    if (i === all.length - 1) return text === '';
    const line = parseObject(text);
    const id = line?.pack_id;
    const value = line === null || JSON.stringify(line) !== text ? null : read(line);
    if (typeof id !== 'string' || !PACK_ID.test(id) || id <= last || value === null) return false;
    found.set(id, value);
    last = id;
    return true;
  });
  if (isWritten) return found;
  folder.add(STATUS.differs, name, 'is not in the form that the kit writes');
  return null;
}

/** A JSON object; null if the text is not one. */
export function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

interface PackFile {
  readonly bytes: Buffer;
  readonly lines: number;
  readonly salts: Salts | undefined;
  readonly gone: Gone;
}

/** The salted root of a pack; null, and a finding, if its file is not one. */
function packRoot(folder: Folder, name: string, { bytes, lines, salts, gone }: PackFile): Uint8Array | null {
  const fault = (text: string) => {
    folder.add(STATUS.differs, name, text);
    return null;
  };
  const text = unpack(bytes);
  if (text === null) return fault('is not a single gzip file as the kit writes it');
  if (salts === undefined) return fault('has no seed');
  const all = 'seed' in salts ? saltsOf(Buffer.from(salts.seed, 'hex'), lines) : null;
  const groups: Buffer[] = [];
  let group: Buffer[] = [];
  let [start, line] = [0, 0];
  for (; start < text.length; line++) {
    const end = text.indexOf(10, start);
    if (end < 0) return fault('has a last line without a line break');
    const one = text.subarray(start, end);
    const given = 'salts' in salts ? salts.salts[line] : undefined;
    const salt = all?.subarray(line * SALT_BYTES, (line + 1) * SALT_BYTES) ?? Buffer.from(given ?? '', 'hex');
    const leaf = salt.length === SALT_BYTES ? lineLeaf(salt, one) : tombstoneLeaf(one, line, gone);
    if (leaf === null)
      return fault(
        `has at line ${line} neither a line with its salt nor an erased line whose erasure or expiry the log names`,
      );
    group.push(leaf);
    if (group.length === GROUP_LINES) groups.push(groupHash(group));
    if (group.length === GROUP_LINES) group = [];
    start = end + 1;
  }
  if (line !== lines) return fault(`has ${line} lines instead of ${lines}`);
  if (group.length > 0) groups.push(groupHash(group));
  return rootOf(groups.map(leafHash));
}

/** The leaf that a tombstone keeps; null unless the log has the erasure or the policy that it names. */
function tombstoneLeaf(bytes: Buffer, line: number, { erasures, policies }: Gone): Buffer | null {
  const text = bytes.toString('utf8');
  const stone = parseObject(text);
  if (stone === null || JSON.stringify(stone) !== text || stone.line !== line) return null;
  const { erased, expired, leaf } = stone;
  const isKnown =
    (typeof erased === 'string' && erasures.has(erased)) || (typeof expired === 'string' && policies.has(expired));
  return isKnown && typeof leaf === 'string' && /^[0-9a-f]{64}$/.test(leaf) ? Buffer.from(leaf, 'hex') : null;
}

function sameCounts(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const text = (counts: Readonly<Record<string, number>>) => JSON.stringify(Object.entries(counts).sort());
  return text(a) === text(b);
}
