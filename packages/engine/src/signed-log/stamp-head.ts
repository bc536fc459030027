import { createHash, randomBytes } from 'node:crypto';

import { KitError } from '@pik/schema';

import type { Backend } from '../ports/backend.ts';
import type { StampClient } from '../ports/stamp-client.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import { readCheckpoint, readStamp, writeStamp } from './log-files.ts';
import { isStampOf, NONCE_BYTES, stampRequest } from './rules/stamp.ts';
import type { TileFile } from './rules/tiles.ts';

/**
 * Asks an authority to stamp the checkpoint of a size as it was signed, without cosignatures, unless there is a stamp; the first
 * authority that answers counts. True if there is a stamp, or nobody to ask.
 */
export async function stampHead(
  parts: { readonly backend: Pick<Backend, 'files'>; readonly telemetry: Telemetry },
  size: number,
  stamps: readonly StampClient[],
): Promise<boolean> {
  const { backend, telemetry } = parts;
  if (stamps.length === 0 || (await readStamp(backend, size)) !== null) return true;
  const checkpoint = (await readCheckpoint(backend, size)) ?? '';
  const hash = createHash('sha256').update(checkpoint).digest();
  for (const client of stamps) {
    try {
      const nonce = randomBytes(NONCE_BYTES);
      // A positive number in its shortest form.
      nonce[0] = ((nonce[0] ?? 0) & 0x3f) | 0x40;
      const answer = await client.post(stampRequest(hash, nonce));
      if (!isStampOf(answer, hash, nonce))
        throw new KitError('WITNESS_REFUSED', `${client.name} answered with something other than a stamp`);
      await writeStamp(backend, size, answer);
      return true;
    } catch (error) {
      telemetry.log('error', 'log_unstamped', { authority: client.name, size, error: String(error) });
    }
  }
  return false;
}

/** The stamp of a checkpoint, and the bytes that it is of; nothing if there is none. */
export async function stampFiles(backend: Pick<Backend, 'files'>, size: number): Promise<TileFile[]> {
  const [stamp, checkpoint] = [await readStamp(backend, size), await readCheckpoint(backend, size)];
  if (stamp === null || checkpoint === null) return [];
  return [
    { path: `stamps/${size}`, bytes: new TextEncoder().encode(checkpoint) },
    { path: `stamps/${size}.tsr`, bytes: stamp },
  ];
}
