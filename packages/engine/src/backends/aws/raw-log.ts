import { isPackId, KitError, packKey, packStoredMs } from '@pik/schema';
import type { RawLog } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { Page } from '../../ports/queries.ts';
import type { Objects } from './objects.ts';

const PREFIX = 'raw/v1/';
/** The id of a pack that never exists. */
const NO_PACK = '00000000-0000-7000-8000-000000000000';
const ENDING = '.ndjson.gz';

/** Packs as objects with keys in order of storage time. */
export function createRawLog(objects: Objects): RawLog {
  return {
    // Each invocation of the function handles one request, and writes of objects do not wait for each other.
    sharesPacks: false,
    append: (packId, bytes) => objects.putOnce(packKey(packId), bytes),
    read: (packId) => objects.get(packKey(packId)),
    has: (packId) => objects.has(packKey(packId)),
    // A bucket never fills up. This checks that it exists; only a write can reveal other faults.
    ready: async () => {
      await objects.has(packKey(NO_PACK));
    },
    list: (range) => listPacks(objects, range),
  };
}

async function listPacks(
  objects: Objects,
  { fromMs, toMs, cursor }: { fromMs: number; toMs: number; cursor?: string | null },
): Promise<Page<string>> {
  const { keys, more } = await objects.list(PREFIX, placeOf(cursor) ?? keyBound(fromMs));
  const ids = keys.map((key) => key.slice(key.lastIndexOf('/') + 1, -ENDING.length));
  // Foreign objects are skipped.
  const packs = ids.filter((id, i) => isPackId(id) && keys[i] === packKey(id));
  const items = packs.filter((id) => packStoredMs(id) >= fromMs && packStoredMs(id) < toMs);
  const last = keys.at(-1);
  const beyond = packs.some((id) => packStoredMs(id) >= toMs);
  return { items, next: !more || beyond || last === undefined ? null : encodeCursor([last]) };
}

function placeOf(cursor: string | null | undefined): string | null {
  const [key] = decodeCursor(cursor, ['string']) ?? [null];
  if (key !== null && !key.startsWith(PREFIX)) throw new KitError('CURSOR_INVALID');
  return key;
}

/** Below the key of every pack of that millisecond and above those of all before. */
function keyBound(ms: number): string {
  const digits = Math.min(Math.max(0, Math.ceil(ms)), 2 ** 47)
    .toString(16)
    .padStart(12, '0');
  const least = `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
  return packKey(least).slice(0, -`-7000-8000-000000000000${ENDING}`.length);
}
