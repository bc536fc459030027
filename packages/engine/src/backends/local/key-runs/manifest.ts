import { crc32 } from 'node:zlib';

import type { KeyFiles } from './files.ts';
import type { RunFacts } from './run.ts';
import { damaged } from './run-format.ts';

const NAME = 'MANIFEST';
const DRAFT = 'MANIFEST.tmp';
const VERSION = 1;

/** Which runs count. A run that no manifest names does not exist. */
export interface Manifest {
  /** Every entry with a number up to this one is in a run. */
  readonly covered: number;
  /** The key of entry `covered` in hexadecimal digits, to find out whether runs and rows belong together. */
  readonly coveredId: string;
  /** The number that the next run gets. */
  readonly nextRun: number;
  /** Newest first. */
  readonly runs: readonly RunFacts[];
}

/** The manifest of an index without runs. */
export const NO_RUNS: Manifest = { covered: 0, coveredId: '', nextRun: 1, runs: [] };

/** Reads the manifest; `NO_RUNS` if there is none. Throws `INDEX_CORRUPT`. */
export function readManifest(files: KeyFiles): Manifest {
  const bytes = manifestBytes(files);
  return bytes === null ? NO_RUNS : parseManifest(bytes);
}

/** The bytes of the manifest; null if there is none. */
export function manifestBytes(files: KeyFiles): Uint8Array | null {
  return files.read(NAME);
}

/** The manifest of its bytes. Throws `INDEX_CORRUPT`. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const text = Buffer.from(bytes).toString('utf8');
  const [, body = ''] = text.split('\n');
  if (text !== textOf(body)) throw damaged('its manifest');
  return JSON.parse(body) as Manifest;
}

/** Replaces the manifest, and is durable on return. If it fails, either of the two may be found by the next start. */
export async function writeManifest(files: KeyFiles, manifest: Manifest): Promise<void> {
  await files.remove(DRAFT).catch(() => undefined);
  const file = await files.create(DRAFT);
  try {
    await file.write(Buffer.from(textOf(JSON.stringify(manifest))));
    await file.sync();
  } finally {
    await file.close();
  }
  await files.rename(DRAFT, NAME);
  await files.syncFolder();
}

function textOf(body: string): string {
  const checksum = crc32(body).toString(16).padStart(8, '0');
  return `pik key index, version ${VERSION}, checksum ${checksum}\n${body}\n`;
}
