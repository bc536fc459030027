import { at } from '@pik/schema/events';

import type { Batch } from './batch.ts';
import type { Frame } from './captured.ts';
import { contentOf, recordParts } from './content-transfer.ts';
import type { BatchContent } from './poster.ts';
import { recordId } from './record-id.ts';

/** The content of a batch of emitted events. `isKept`: they are needed after they are encoded. */
export function eventContent(batch: Batch, frame: Frame, isKept: boolean): BatchContent {
  // Taken apart and put together again also in this thread, so that there is one way.
  const own = once(() => contentOf(batch.parts(frame)));
  return {
    count: batch.length,
    recordAt: (index) => own().recordAt(index),
    eventIdAt(index) {
      const noted = batch.notedEventId(index);
      if (noted !== undefined) return noted;
      const eventId = own().eventIdAt(index);
      batch.noteEventId(index, eventId);
      return eventId;
    },
    onPacked: isKept
      ? undefined
      : () => {
          own().onPacked?.();
          batch.forgetPayloads();
        },
    parts: () => batch.parts(frame),
    onEventId: (index, eventId) => batch.noteEventId(index, eventId),
  };
}

/** The content of a batch of stored records. */
export function recordContent(records: readonly Uint8Array[]): BatchContent {
  const ids: (string | null)[] = [];
  return {
    count: records.length,
    recordAt: (index) => at(records, index),
    eventIdAt(index) {
      if (!(index in ids)) ids[index] = recordId(at(records, index));
      return at(ids, index);
    },
    parts: () => recordParts(records),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | null = null;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
