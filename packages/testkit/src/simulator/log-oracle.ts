import { gunzipSync } from 'node:zlib';

import { isFolder, type SimDisk, type SimFolder } from './disk.ts';
import { Broken } from './history.ts';
import { DIR } from './server.ts';

// Reads the log with general tools only: the files of the disk, gzip, JSON. It shares no code with the kit.

/** A receipt as it is stored. */
export interface StoredReceipt {
  readonly pack: string;
  readonly line: number;
  readonly text: string;
  readonly sequence: number;
}

/** All receipts on the disk, by pack. Throws if a pack has a part of a line. */
export function readLog(disk: SimDisk): Map<string, StoredReceipt[]> {
  const packs = new Map<string, StoredReceipt[]>();
  const root = disk.find(`${DIR}/raw/v1`);
  const visit = (folder: SimFolder) => {
    for (const [name, node] of folder.names) {
      if (isFolder(node)) visit(node);
      else if (name.endsWith('.ndjson.gz')) packs.set(name.slice(0, -10), receiptsOf(name.slice(0, -10), node.content));
    }
  };
  if (isFolder(root)) visit(root);
  return packs;
}

function receiptsOf(pack: string, bytes: Uint8Array): StoredReceipt[] {
  const lines = textOf(pack, bytes)
    .split('\n')
    .filter((line) => line !== '');
  return lines.map((text, line) => {
    const { body, sequence = 0, line: said } = JSON.parse(text) as { body: string; sequence?: number; line?: number };
    if (said !== undefined && said !== line) throw new Error(`line ${line} of ${pack} says ${said}`);
    return { pack, line, text: body, sequence };
  });
}

function textOf(pack: string, bytes: Uint8Array): string {
  try {
    return gunzipSync(bytes).toString('utf8');
  } catch {
    throw new Broken('whole', `the pack ${pack} is not whole: it has ${bytes.length} bytes`);
  }
}
