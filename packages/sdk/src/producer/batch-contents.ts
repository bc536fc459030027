import { at } from '@pik/schema/events';

import type { Frame } from './captured.ts';
import { eventParts, recordParts } from './content-transfer.ts';
import type { PendingEvent } from './pending-event.ts';
import type { BatchContent } from './poster.ts';
import { recordId } from './record-id.ts';

/** Parts that all events of a batch share. */
interface EventFraming {
  readonly producerId: string;
  readonly frame: Frame;
  /** Whether the events are needed after they are encoded. */
  readonly isKept: boolean;
}

/** The content of a batch of emitted events. */
export function eventContent(
  events: readonly PendingEvent[],
  { producerId, frame, isKept }: EventFraming,
): BatchContent {
  return {
    count: events.length,
    recordAt: (index) => at(events, index).record(frame),
    eventIdAt: (index) => at(events, index).event_id,
    onPacked: isKept ? undefined : () => events.forEach(forgetPayload),
    parts: () => eventParts(events, { producerId, frame }),
    onEventId: (index, eventId) => at(events, index).noteEventId(eventId),
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

function forgetPayload(event: PendingEvent): void {
  event.captured = null;
}
