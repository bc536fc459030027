import { sha256Bytes } from '@pik/schema';

/** Lines whose leaves are hashed together: a path to one line costs at most 63 sibling leaves, a root a sixty-fourth of the nodes. */
export const GROUP_LINES = 64;

const LEAF = 0;
const NODE = 1;
const GROUP = 2;

/** The head of an RFC 6962 tree over these entries. */
export function treeHead(entries: readonly Uint8Array[]): Uint8Array {
  if (entries.length === 0) return sha256Bytes(new Uint8Array(0));
  let level = entries.map(leafHash);
  // The left subtree of RFC 6962 is the largest full one, so pairs from the left with a lone last node give the same tree.
  while (level.length > 1) {
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left !== undefined) above.push(right === undefined ? left : nodeHash(left, right));
    }
    level = above;
  }
  return level[0] ?? new Uint8Array(0);
}

/** The hash of an entry of an RFC 6962 tree. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return hashOf(LEAF, [entry]);
}

/** The hash of a node of an RFC 6962 tree. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return hashOf(NODE, [left, right]);
}

/** The leaf of a line: its bytes without the newline, behind a salt that only the eraser can drop. */
export function lineLeaf(salt: Uint8Array, line: Uint8Array): Uint8Array {
  return hashOf(LEAF, [salt, line]);
}

/** The root of a pack: the tree head over the groups of its line leaves. */
export function packRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const groups: Uint8Array[] = [];
  for (let start = 0; start < leaves.length; start += GROUP_LINES)
    groups.push(groupEntry(leaves.slice(start, start + GROUP_LINES)));
  return treeHead(groups);
}

/** The entry of a group of line leaves in the tree of its pack. */
export function groupEntry(leaves: readonly Uint8Array[]): Uint8Array {
  return hashOf(GROUP, leaves);
}

/** A pack as the root of its hour covers it. */
export interface PackLeaf {
  readonly pack_id: string;
  /** One letter per line, as answered. */
  readonly outcomes: string;
  readonly root: Uint8Array;
}

/** The root of an hour: the tree head over its packs, in the order of their ids. */
export function hourRoot(packs: readonly PackLeaf[]): Uint8Array {
  const sorted = packs.toSorted((a, b) => (a.pack_id < b.pack_id ? -1 : 1));
  return treeHead(sorted.map(packEntry));
}

/** The entry of a pack in the tree of its hour, in RFC 8785 form: JSON.stringify gives it for an array of ASCII texts and one safe integer. */
export function packEntry({ pack_id, outcomes, root }: PackLeaf): Uint8Array {
  const hashed = hexText(sha256Bytes(outcomes));
  return new TextEncoder().encode(JSON.stringify(['pik-pack/1', pack_id, outcomes.length, hexText(root), hashed]));
}

/** Bytes as lower-case hexadecimal digits. */
export function hexText(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

function hashOf(kind: number, parts: readonly Uint8Array[]): Uint8Array {
  let length = 1;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(length);
  bytes[0] = kind;
  let at = 1;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return sha256Bytes(bytes);
}
