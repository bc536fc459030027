import type { Backend, DeliveryRow, EventRow, Insertion, Page } from '@pik/engine';
import { repeatFlags } from '@pik/engine/internals';
import { expect } from 'vitest';
import { makeRequestRows } from '../factories.ts';
import type { OpenedBackend } from './opened-backend.ts';

/** The range of all times at which a pack can be stored. */
export const FOREVER = { fromMs: 0, toMs: 2 ** 47 };

/** The start of each test of the contract. */
export interface World {
  readonly opened: OpenedBackend;
  readonly backend: Backend;
  readonly newId: () => string;
  /** Closes the backend and opens it again over the same storage. */
  reopen(): Promise<Backend>;
}

/** Texts that a store may wrongly split, join, cut, order or normalize. */
export const ODD_TEXTS = [
  'a',
  'a#b',
  'a/b',
  'a|b',
  '["a","b"]',
  'it\'s \\ "quoted" %25',
  '__proto__',
  'é',
  'e\u0301',
  '\u{1f600}'.repeat(50),
  '\ufffd\uffff',
  ' a',
  'a ',
  'A',
] as const;

/** Cursors that no listing returns. */
export const FOREIGN_CURSORS: readonly string[] = [
  '',
  'x',
  Buffer.from('[1]').toString('base64url'),
  Buffer.from('{"a":1}').toString('base64url'),
];

/** All items of a paged listing. Throws on a repeated cursor, which would never end. */
export async function all<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  const places = new Set<string | null>();
  for (let cursor: string | null = null; places.size === 0 || cursor !== null; ) {
    places.add(cursor);
    const page = await read(cursor);
    items.push(...page.items);
    cursor = page.next;
    expect(places).not.toContain(cursor ?? 'the end');
  }
  return items;
}

/** Order of UTF-8 bytes, which differs from that of JavaScript for characters above U+FFFF. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The distance of tests from each time bound: two seconds with `settle`, since SQS counts whole seconds. */
export function grainMs({ opened }: World): number {
  return opened.settle === undefined ? 1 : 2_000;
}

/** Lets time pass, in the storage too. */
export async function pass({ opened }: World, ms: number): Promise<void> {
  opened.clock.ms += ms;
  await opened.settle?.(ms);
}

/** Inserts rows and returns their insertions; each request is complete, as ingest leaves it. */
export async function admit(
  backend: Backend,
  rows: readonly EventRow[],
  rest: Parameters<typeof makeRequestRows>[0] = {},
): Promise<readonly Insertion[]> {
  let met: readonly Insertion[] = [];
  await backend.index.admit(rows, (found) => {
    met = found;
    return makeRequestRows(rest);
  });
  return met;
}

/** A further receipt of an event. */
export function makeDelivery(row: EventRow, packId: string, received_ms = row.received_ms + 1): DeliveryRow {
  const { event_id, event_ms, event_sub_ns, payload_hash, sent_ms, expires_ms } = row;
  return {
    event_id,
    pack_id: packId,
    line: 0,
    outcome: 'DUPLICATE',
    answered: 'DUPLICATE',
    rank: null,
    producer_id: null,
    producer_seq: null,
    event_ms,
    event_sub_ns,
    received_ms,
    sent_ms,
    payload_hash,
    flags: repeatFlags(row, row),
    expires_ms,
  };
}
