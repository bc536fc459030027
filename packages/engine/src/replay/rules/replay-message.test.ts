import { countOf, defineAggregate } from '@pik/aggregates';
import { formatInstant, LIMITS, packKey, type ReplayMessage } from '@pik/schema';
import { makeEventRow } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deliveryOf } from '../../ingest/rules/first-receipt.ts';
import {
  type BuiltMessage,
  buildWindowMessages,
  createMessageBuilder,
  parsePackKey,
  touchedWindows,
  type WalkedEvent,
  windowName,
  windowsAround,
} from './replay-message.ts';

const PACKS = ['01890a5d-ac96-774b-bcce-b302099a8057', '01890a5d-ac97-774b-bcce-b302099a8057'] as const;
const DAY = Date.UTC(2025, 11, 28);
const DAY_MS = 86_400_000;
const head = { replayId: 'replay', requestId: 'request', asOfMs: DAY, part: 'p' };

const aggregate = (n: number, rest: object = {}) =>
  defineAggregate({
    metric: `m${n}`,
    definition_version: 1,
    group_by: 'entity',
    window: 'day',
    time_zone: 'UTC',
    ...countOf(),
    ...rest,
  });
const perEntity = aggregate(0);
const ofOther = aggregate(1, { sources: ['other'] });

function build(aggregates: Parameters<typeof createMessageBuilder>[0], events: readonly WalkedEvent[]): BuiltMessage[] {
  const builder = createMessageBuilder(aggregates, head);
  const messages = events.map((event) => builder.add(event));
  return [...messages, builder.end()].filter((message) => message !== null);
}

const parse = ({ body }: BuiltMessage) => JSON.parse(body) as ReplayMessage;
const eventOf = (n: number, entity = `e${n}`): WalkedEvent => ({
  row: makeEventRow(PACKS[n % 2] as string, { entity, event_ms: DAY + n, event_sub_ns: n, line: n }),
  deliveries: [],
});

describe('the messages of a replay', () => {
  it('refer to each event in order, as JSON.stringify writes it', () => {
    const events = [eventOf(1), eventOf(2), eventOf(3, '"é\\\n'), eventOf(4)];
    const { row } = events[1] as WalkedEvent;
    const further = deliveryOf({ ...row, pack_id: PACKS[1], line: 9, event_ms: DAY + 50 }, row);
    events[1] = { row, deliveries: [further] };
    const [message, ...rest] = build([perEntity], events);
    expect(rest).toEqual([]);
    const refer = (event: typeof row) => ({
      event_id: event.event_id,
      entity_id: event.entity_id,
      source: event.source,
      event_type: event.event_type,
      event_time: formatInstant(event.event_ms, event.event_sub_ns),
      payload_hash: event.payload_hash,
      raw_key: packKey(event.pack_id),
      line: event.line,
    });
    const repeat = {
      ...refer(row),
      event_time: formatInstant(DAY + 50, row.event_sub_ns),
      raw_key: packKey(PACKS[1]),
      line: 9,
      outcome: 'DUPLICATE',
    };
    const all = events.map((event) => refer(event.row));
    expect(parse(message as BuiltMessage)).toEqual({
      kind: 'replay',
      message_id: 'replay.p.0',
      replay_id: 'replay',
      request_id: 'request',
      as_of: '2025-12-28T00:00:00.000000000Z',
      events: [...all.slice(0, 2), repeat, ...all.slice(2)],
      recompute: events.map(({ row }) => ({
        metric: 'm0',
        key: row.entity_id,
        window_start: '2025-12-28T00:00:00.000000000Z',
      })),
    });
    expect(message).toMatchObject({ message_id: 'replay.p.0', events: 4 });
    expect(message?.windows).toHaveLength(4);
  });

  it('hold at most the limit of references, further receipts included, and are numbered', () => {
    const max = LIMITS.message_events_max;
    const events = Array.from({ length: 2 * max + 1 }, (_, n) => eventOf(n));
    const sizes = (some: readonly WalkedEvent[]) => build([perEntity], some).map((one) => one.events);
    expect(sizes(events)).toEqual([max, max, 1]);
    expect(sizes(events.slice(0, max))).toEqual([max]);
    expect(build([perEntity], events).map(({ message_id }) => message_id)).toEqual([
      'replay.p.0',
      'replay.p.1',
      'replay.p.2',
    ]);
    const { row } = events[max - 1] as WalkedEvent;
    events[max - 1] = { row, deliveries: [deliveryOf({ ...row, line: 999 }, row)] };
    expect(sizes(events)).toEqual([max - 1, max - 1, 3]);
    expect(build([perEntity], [])).toEqual([]);
  });

  it('name each window once, with its first event, and no window of an event that does not count', () => {
    const events = [eventOf(1, 'a'), eventOf(2, 'b'), eventOf(3, 'a'), eventOf(4, 'a')];
    const late = { row: makeEventRow(PACKS[0], { entity: 'a', event_ms: DAY + DAY_MS }), deliveries: [] };
    const [message] = build([perEntity, ofOther], [...events, late]);
    expect(message?.windows).toEqual([
      { metric: 'm0', key: 'a', window_start_ms: DAY },
      { metric: 'm0', key: 'b', window_start_ms: DAY },
      { metric: 'm0', key: 'a', window_start_ms: DAY + DAY_MS },
    ]);
    expect(touchedWindows([perEntity, ofOther], late.row)).toHaveLength(1);
    expect(windowsAround([perEntity, ofOther], late.row)).toEqual(
      ['m0', 'm1'].map((metric) => ({ metric, key: 'a', window_start_ms: DAY + DAY_MS })),
    );
  });

  it.each([
    ['ASCII', 'x'],
    ['two bytes each', 'é'],
    ['three bytes each', '\u20ac'],
    ['four bytes each', '\u{1f600}'],
    ['escaped', '"'],
  ])('G19: are below the largest size in bytes, and nearly so where they are ASCII (%s)', (_, unit) => {
    const aggregates = Array.from({ length: 20 }, (_, n) => aggregate(n));
    const entity = unit.repeat(Math.floor(180 / Buffer.byteLength(unit)));
    const events = Array.from({ length: 250 }, (_, n) => eventOf(n, `${entity}${n}`));
    const messages = build(aggregates, events);
    const sizes = messages.map(({ body }) => Buffer.byteLength(body));
    for (const size of sizes) expect(size).toBeLessThanOrEqual(LIMITS.message_bytes_max);
    expect(messages.flatMap((one) => parse(one).events.map(({ event_id }) => event_id))).toEqual(
      events.map(({ row }) => row.event_id),
    );
    // 512 bytes are reserved for the text around the references; the remaining space must be less than the next event takes.
    const perEvent = sizes.reduce((sum, size) => sum + size, 0) / events.length;
    const isAscii = unit === 'x' || unit === '"';
    for (const size of isAscii ? sizes.slice(0, -1) : [])
      expect(size).toBeGreaterThan(LIMITS.message_bytes_max - 512 - 1.1 * perEvent);
  });

  it('hold a single event if its windows fill a message', () => {
    const aggregates = Array.from({ length: 800 }, (_, n) => aggregate(n));
    const messages = build(aggregates, [eventOf(1, '\u20ac'.repeat(60)), eventOf(2)]);
    expect(messages.map(({ events }) => events)).toEqual([1, 1]);
  });

  it('of windows alone are split by number of windows', () => {
    const windows = Array.from({ length: 2 * LIMITS.message_events_max + 1 }, (_, n) => {
      return { metric: 'm', key: `k${n}`, window_start_ms: DAY };
    });
    const messages = buildWindowMessages(windows, head);
    expect(messages.map((one) => one.windows.length)).toEqual([100, 100, 1]);
    expect(messages.flatMap((one) => one.windows)).toEqual(windows);
    expect(messages.map(parse).map(({ message_id, events }) => [message_id, events])).toEqual([
      ['replay.p.0', []],
      ['replay.p.1', []],
      ['replay.p.2', []],
    ]);
    expect(messages.flatMap((one) => parse(one).recompute)).toHaveLength(windows.length);
    expect(buildWindowMessages([], head)).toEqual([]);
  });

  it('distinguish consecutive events of one entity by source and type', () => {
    const ids = ['s', 'other', 's'].flatMap((source) =>
      ['t', 'other', 't'].map((event_type) => ({ source, event_type })),
    );
    const events = ids.map((one) => ({ row: makeEventRow(PACKS[0], one), deliveries: [] }));
    expect(build([perEntity], events).flatMap((one) => parse(one).events)).toMatchObject(ids);
  });

  it('write every id unchanged', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text, text), { minLength: 1, maxLength: 6 }), (ids) => {
        const events = ids.map(([entity, source, event_type]) => {
          return { row: makeEventRow(PACKS[0], { entity, source, event_type }), deliveries: [] };
        });
        const found = build([perEntity], events).flatMap((one) => parse(one).events);
        expect(found.map(({ entity_id, source, event_type }) => [entity_id, source, event_type])).toEqual(ids);
      }),
      runs(100),
    );
  });
});

describe('names', () => {
  it('of windows are equal only for equal windows', () => {
    const window = { metric: 'm', key: 'k', window_start_ms: 1 };
    expect(windowName(window)).toBe(windowName({ ...window }));
    const names = [window, { ...window, metric: 'n' }, { ...window, key: 'l' }, { ...window, window_start_ms: 2 }];
    expect(new Set(names.map(windowName)).size).toBe(names.length);
    expect(windowName({ metric: 'm1', key: 'k', window_start_ms: 2 })).not.toBe(
      windowName({ metric: 'm', key: 'k', window_start_ms: 12 }),
    );
  });

  it('of packs are parsed from pack keys and from nothing else', () => {
    expect(parsePackKey(packKey(PACKS[0]))).toBe(PACKS[0]);
    expect(parsePackKey(`${PACKS[0]}.ndjson.gz`)).toBe(PACKS[0]);
    for (const other of ['', `${PACKS[0]}.ndjson`, `${PACKS[0]}.ndjson.gz.old`, 'raw/x.ndjson.gz', 'x.ndjson.gz'])
      expect(parsePackKey(other)).toBeNull();
  });
});
