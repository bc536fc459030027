import {
  type Aggregate,
  aggregateKey,
  formatEpochMs,
  formatInstant,
  isPackId,
  LIMITS,
  type MessageEvent,
  packKey,
  type ReplayMessage,
} from '@pik/schema';

import type { WindowTarget } from '../ports/history-rows.ts';
import type { DeliveryRow, EventRow } from '../ports/rows.ts';

/** What the messages of one part of a replay share. */
export interface MessageHead {
  readonly replayId: string;
  /** The request that recorded the replay: by it a line of the processor is found from one of the API. */
  readonly requestId: string;
  readonly asOfMs: number;
  /** Tells the messages of this part from those of another. */
  readonly part: string;
}

/** A message ready to be sent, with the windows that it names for the first time. */
export interface BuiltMessage {
  readonly message_id: string;
  readonly body: string;
  readonly events: number;
  readonly windows: readonly WindowTarget[];
}

/** An event as a walk found it, with its further receipts where they were asked for. */
export interface WalkedEvent {
  readonly row: EventRow;
  readonly deliveries: readonly DeliveryRow[];
}

/** The window of each metric that an event is an input of. */
export function touchedWindows(aggregates: Iterable<Aggregate>, row: EventRow): WindowTarget[] {
  const targets: WindowTarget[] = [];
  for (const aggregate of aggregates) {
    const { metric, group_by, windows } = aggregate;
    const key = aggregateKey(group_by, row);
    targets.push({ metric, key, window_start_ms: windows.at(row.event_ms).start_ms });
  }
  return targets;
}

/** One name per window: ids are free of control characters, so the separator cannot be part of one. */
export function windowName({ metric, key, window_start_ms }: WindowTarget): string {
  return `${metric}\u0000${window_start_ms}\u0000${key}`;
}

/**
 * Cuts events into messages, bounded in events and bytes. A window is named in the first message with an event of it: so
 * whatever part of the messages is ever sent, the windows of their events are named in them too.
 */
export function buildMessages(
  events: readonly WalkedEvent[],
  aggregates: readonly Aggregate[],
  head: MessageHead,
): BuiltMessage[] {
  const messages: BuiltMessage[] = [];
  const named = new Set<string>();
  let draft = emptyDraft();
  const flush = () => {
    if (draft.events.length > 0 || draft.windows.length > 0) messages.push(finish(draft, head, messages.length));
    draft = emptyDraft();
  };
  for (const { row, deliveries } of events) {
    const fresh = touchedWindows(aggregates, row).filter((target) => !named.has(windowName(target)));
    const references = [eventReference(row), ...deliveries.map((delivery) => deliveryReference(row, delivery))];
    const texts = references.map((reference) => JSON.stringify(reference));
    const windowTexts = fresh.map(windowText);
    const bytes = utf8Bound(texts) + utf8Bound(windowTexts);
    const full = draft.events.length + texts.length > LIMITS.message_events_max;
    if (full || draft.bytes + bytes > LIMITS.message_bytes_max) flush();
    for (const target of fresh) named.add(windowName(target));
    draft.events.push(...texts);
    draft.count += 1;
    draft.windows.push(...fresh);
    draft.windowTexts.push(...windowTexts);
    draft.bytes += bytes;
  }
  flush();
  return messages;
}

/** Messages that name windows alone: for what a cancelled replay had noted and not sent. */
export function buildWindowMessages(windows: readonly WindowTarget[], head: MessageHead): BuiltMessage[] {
  const messages: BuiltMessage[] = [];
  for (let start = 0; start < windows.length; start += LIMITS.message_events_max) {
    const some = windows.slice(start, start + LIMITS.message_events_max);
    messages.push(
      finish({ ...emptyDraft(), windows: [...some], windowTexts: some.map(windowText) }, head, messages.length),
    );
  }
  return messages;
}

interface Draft {
  readonly events: string[];
  readonly windows: WindowTarget[];
  readonly windowTexts: string[];
  /** Events, without their further receipts. */
  count: number;
  bytes: number;
}

function emptyDraft(): Draft {
  return { events: [], windows: [], windowTexts: [], count: 0, bytes: 512 };
}

function finish(draft: Draft, { replayId, requestId, asOfMs, part }: MessageHead, number: number): BuiltMessage {
  const message_id = `${replayId}.${part}.${number}`;
  const known: Omit<ReplayMessage, 'events' | 'recompute'> = {
    kind: 'replay',
    message_id,
    replay_id: replayId,
    request_id: requestId,
    as_of: formatEpochMs(asOfMs),
  };
  // The parts are JSON already; making them twice would cost more than the walk.
  const body = `${JSON.stringify(known).slice(0, -1)},"events":[${draft.events.join(',')}],"recompute":[${draft.windowTexts.join(',')}]}`;
  return { message_id, body, events: draft.count, windows: draft.windows };
}

function windowText({ metric, key, window_start_ms }: WindowTarget): string {
  return JSON.stringify({ metric, key, window_start: formatEpochMs(window_start_ms) });
}

/** A character takes at most three bytes per unit of UTF-16; exact where it is ASCII, as it mostly is. */
function utf8Bound(texts: readonly string[]): number {
  let bytes = 0;
  for (const text of texts) bytes += (isAscii(text) ? text.length : text.length * 3) + 1;
  return bytes;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

function eventReference(row: EventRow): MessageEvent {
  return {
    event_id: row.event_id,
    entity_id: row.entity_id,
    source: row.source,
    event_type: row.event_type,
    event_time: formatInstant(row.event_ms, row.event_sub_ns),
    payload_hash: row.payload_hash,
    raw_key: packKey(row.pack_id),
    line: row.line,
  };
}

function deliveryReference(row: EventRow, delivery: DeliveryRow): MessageEvent {
  return {
    ...eventReference(row),
    event_time: formatInstant(delivery.event_ms, delivery.event_sub_ns),
    payload_hash: delivery.payload_hash,
    raw_key: packKey(delivery.pack_id),
    line: delivery.line,
    outcome: delivery.outcome,
  };
}

/** The pack that a raw key names; null where it is no raw key. */
export function parsePackKey(rawKey: string): string | null {
  const packId = /([^/]+)\.ndjson\.gz$/.exec(rawKey)?.[1] ?? '';
  return isPackId(packId) ? packId : null;
}
