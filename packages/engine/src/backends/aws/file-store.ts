import { KitError } from '@pik/schema';
import type { FileStore } from '../../ports/backend.ts';
import { decodeCursor, encodeCursor } from '../../ports/cursor.ts';
import type { Objects } from './objects.ts';

/** Manifests and records as objects; a key is the object's own. */
export function createFileStore(objects: Objects): FileStore {
  return {
    put: (key, bytes) => objects.putOnce(key, bytes),
    get: (key) => objects.get(key),
    async list(prefix, cursor) {
      const [after] = decodeCursor(cursor, ['string']) ?? [''];
      if (after !== '' && !after.startsWith(prefix)) throw new KitError('CURSOR_INVALID');
      const { keys, more } = await objects.list(prefix, after);
      const last = keys.at(-1);
      return { items: keys, next: more && last !== undefined ? encodeCursor([last]) : null };
    },
  };
}
