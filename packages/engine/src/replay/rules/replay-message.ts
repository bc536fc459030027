import { type Aggregate, aggregateKey, countsEvent } from '@pik/aggregates';
import { formatEpochMs, formatInstant, isPackId, LIMITS, packKey, type ReplayMessage } from '@pik/schema';

import type { WindowTarget } from '../../ports/history-rows.ts';
import type { DeliveryRow, EventRow } from '../../ports/rows.ts';

/** The fields that the messages of one part of a replay share. */
export interface MessageHead {
  readonly replayId: string;
  /** The request that recorded the replay: it connects log lines of the processor with those of the API. */
  readonly requestId: string;
  readonly asOfMs: number;
  /** Distinguishes the messages of this part from those of another. */
  readonly part: string;
}

/** A message ready to send, with the windows that it is the first to name. */
export interface BuiltMessage {
  readonly message_id: string;
  readonly body: string;
  readonly events: number;
  readonly windows: readonly WindowTarget[];
}

/** An event of a walk, with its further receipts if the replay includes them. */
export interface WalkedEvent {
  readonly row: EventRow;
  readonly deliveries: readonly DeliveryRow[];
}

/** Returns the window of each metric that has an event as an input. */
export function touchedWindows(aggregates: Iterable<Aggregate>, row: EventRow): WindowTarget[] {
  return windowsAround(
    [...aggregates].filter((aggregate) => countsEvent(aggregate, row)),
    row,
  );
}

/** Returns each metric's window around an event, also if the metric does not count it now: an earlier version may have. */
export function windowsAround(aggregates: readonly Aggregate[], row: EventRow): WindowTarget[] {
  return aggregates.map(({ metric, group_by, windows }) => {
    return { metric, key: aggregateKey(group_by, row), window_start_ms: windows.at(row.event_ms).start_ms };
  });
}

/** A unique name of a window: ids have no control characters, so the separator cannot be part of an id. */
export function windowName({ metric, key, window_start_ms }: WindowTarget): string {
  return `${metric}\u0000${window_start_ms}\u0000${key}`;
}

/** Takes events one by one and returns the messages that they fill. */
export interface MessageBuilder {
  /** Adds an event; returns the message before it if that is full. */
  add(event: WalkedEvent): BuiltMessage | null;
  /** Returns the last message, if any. */
  end(): BuiltMessage | null;
}

/**
 * Divides events into messages of bounded events and bytes. The first message with an event of a window names the window:
 * however many of the messages are sent, they also name the windows of their events.
 */
export function createMessageBuilder(aggregates: readonly Aggregate[], head: MessageHead): MessageBuilder {
  const named = createNamedWindows(aggregates);
  const texts = createReferenceTexts();
  let number = 0;
  let draft = emptyDraft();
  const end = () => {
    const message = draft.events.length === 0 ? null : finish(draft, head, number);
    if (message !== null) number += 1;
    draft = emptyDraft();
    return message;
  };
  return {
    add({ row, deliveries }) {
      const fresh = named.take(row);
      const events = [texts.event(row), ...deliveries.map((delivery) => texts.delivery(row, delivery))];
      const windows = fresh.map(windowText);
      let bytes = 0;
      for (const text of events) bytes += utf8Bound(text, texts.isAscii(row));
      for (const text of windows) bytes += utf8Bound(text, isAscii(text));
      const full = draft.events.length + events.length > LIMITS.message_events_max;
      const before = full || draft.bytes + bytes > LIMITS.message_bytes_max ? end() : null;
      for (const one of events) draft.events.push(one);
      draft.count += 1;
      for (const one of fresh) draft.windows.push(one);
      for (const one of windows) draft.windowTexts.push(one);
      draft.bytes += bytes;
      return before;
    },
    end,
  };
}

/** Remembers the windows of each metric that were already named. */
function createNamedWindows(aggregates: readonly Aggregate[]): { take(row: EventRow): WindowTarget[] } {
  const named = aggregates.map((aggregate) => ({ aggregate, starts: new Map<number, Set<string>>() }));
  return {
    take(row) {
      const fresh: WindowTarget[] = [];
      for (const { aggregate, starts } of named) {
        if (!countsEvent(aggregate, row)) continue;
        const { metric, group_by, windows } = aggregate;
        const window_start_ms = windows.at(row.event_ms).start_ms;
        const key = aggregateKey(group_by, row);
        let keys = starts.get(window_start_ms);
        if (keys === undefined) {
          keys = new Set();
          starts.set(window_start_ms, keys);
        }
        if (keys.has(key)) continue;
        keys.add(key);
        fresh.push({ metric, key, window_start_ms });
      }
      return fresh;
    },
  };
}

/** Builds messages that name only windows: those that a cancelled replay recorded but did not send. */
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
  /** Number of events, without further receipts. */
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
  // The parts are already JSON; parsing and writing them again would cost more than the walk.
  const body = `${JSON.stringify(known).slice(0, -1)},"events":[${draft.events.join(',')}],"recompute":[${draft.windowTexts.join(',')}]}`;
  return { message_id, body, events: draft.count, windows: draft.windows };
}

function windowText({ metric, key, window_start_ms }: WindowTarget): string {
  return JSON.stringify({ metric, key, window_start: formatEpochMs(window_start_ms) });
}

/** Upper bound of a text's bytes with a comma: three per unit of UTF-16, or exact if the text is ASCII, as most is. */
function utf8Bound(text: string, ascii: boolean): number {
  return (ascii ? text.length : text.length * 3) + 1;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** References as JSON. */
interface ReferenceTexts {
  event(row: EventRow): string;
  delivery(row: EventRow, delivery: DeliveryRow): string;
  /** Whether the references to an event are ASCII: only callers' texts can be anything else. */
  isAscii(row: EventRow): boolean;
}

/**
 * Writes each `MessageEvent` as `JSON.stringify` would. Only callers' texts can need escapes, and mostly they and the pack
 * are the same as in the previous event.
 */
function createReferenceTexts(): ReferenceTexts {
  let known: { row: EventRow; text: string; ascii: boolean } | null = null;
  let pack = { id: '', key: '' };
  const ids = (row: EventRow) => {
    if (known === null || !sameIds(known.row, row)) {
      const { entity_id, source, event_type } = row;
      const text = JSON.stringify({ entity_id, source, event_type }).slice(1, -1);
      known = { row, text, ascii: isAscii(text) };
    }
    return known;
  };
  const place = (at: EventRow | DeliveryRow) => {
    if (at.pack_id !== pack.id) pack = { id: at.pack_id, key: packKey(at.pack_id) };
    const time = formatInstant(at.event_ms, at.event_sub_ns);
    return `"event_time":"${time}","payload_hash":"${at.payload_hash}","raw_key":"${pack.key}","line":${at.line}`;
  };
  return {
    event: (row) => `{"event_id":"${row.event_id}",${ids(row).text},${place(row)}}`,
    delivery: (row, delivery) =>
      `{"event_id":"${row.event_id}",${ids(row).text},${place(delivery)},"outcome":"${delivery.outcome}"}`,
    isAscii: (row) => ids(row).ascii,
  };
}

function sameIds(a: EventRow, b: EventRow): boolean {
  return a.entity_id === b.entity_id && a.source === b.source && a.event_type === b.event_type;
}

/** Returns the pack id in a raw key; null if the text is not a raw key. */
export function parsePackKey(rawKey: string): string | null {
  const packId = /([^/]+)\.ndjson\.gz$/.exec(rawKey)?.[1] ?? '';
  return isPackId(packId) ? packId : null;
}
