import { LETTER_OUTCOMES, type OutcomeLetter, packKey } from '@pik/schema';
import { expect } from 'vitest';

import { type Context, createContext } from '../../src/operations/context.ts';
import { ingest } from '../../src/operations/ingest.ts';
import { envelopeBody, readPack } from '../../src/operations/pack-store.ts';
import type { IngestAnswer } from '../../src/pipeline.ts';
import type { Backend } from '../../src/ports/backend.ts';
import type { Page } from '../../src/ports/queries.ts';

/** One record of a small world, in which repeats and conflicts are frequent. */
export interface SmallRecord {
  readonly entity: number;
  /** Null: identity by content. */
  readonly key: number | null;
  readonly minute: number;
  readonly value: number;
  readonly broken: boolean;
}

/** The record as a producer would send it. */
export function recordText({ entity, key, minute, value, broken }: SmallRecord): string {
  if (broken) return `{"source":"s","event_type":"t","payload":{"value":${value}}}`;
  return JSON.stringify({
    source: 's',
    event_type: 't',
    entity_id: `entity_${entity}`,
    event_time: `2025-12-28T10:0${minute}:00Z`,
    payload: { value },
    ...(key === null ? {} : { idempotency_key: `k${key}` }),
  });
}

/** What makes two small records one event, written apart from the code under test. */
export function identityOf({ entity, key, minute, value }: SmallRecord): string {
  return key === null ? `content ${entity} ${minute} ${value}` : `key ${entity} ${key}`;
}

/** Sends records as one NDJSON request. */
export function send(context: Context, records: readonly SmallRecord[]): Promise<IngestAnswer> {
  return ingest(context, {
    body: new TextEncoder().encode(records.map(recordText).join('\n')),
    format: 'ndjson',
    mode: 'live',
    receivedMs: context.backend.clock.now(),
    requestId: context.newId(),
    principal: null,
    dryRun: false,
  });
}

/** A context over a backend, as a freshly started process has it. */
export function start(backend: Backend): Context {
  return createContext({ backend });
}

/** All items of a paged listing. */
export async function all<T>(read: (cursor: string | null) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<T> = await read(cursor);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return items;
}

const EVER = { fromMs: 0, toMs: 2 ** 47 };

/** Everything that the index holds, as a value that can be compared. */
export async function snapshot({ index }: Backend) {
  return {
    packs: await all((cursor) => index.listPacks({ ...EVER, cursor })),
    addresses: await all((cursor) => index.listAddresses(cursor)),
    failures: await all((cursor) => index.listFailures({ ...EVER, limit: 1_000, cursor })),
    slices: await all((cursor) => index.listSlices({ fromDay: -1e6, toDay: 1e7, withEntries: true, cursor })),
  };
}

/**
 * What must hold whenever nothing is in flight: every pack has its row, every receipt its one outcome and its rows, and
 * every event one EVENT row, whose bytes are readable.
 */
export async function expectInvariants(backend: Backend): Promise<void> {
  const context = start(backend);
  const { packs, addresses, failures } = await snapshot(backend);
  const letters = new Map(packs.map((pack) => [pack.pack_id, pack.outcomes]));
  const listed = await all((cursor) => backend.rawLog.list({ ...EVER, cursor }));
  expect(listed.sort()).toEqual([...letters.keys()].sort());
  let receipts = 0;
  for (const packId of listed) {
    const envelopes = await readPack(context, packId);
    receipts += envelopes.length;
    expect(letters.get(packId)).toHaveLength(envelopes.length);
  }
  const rejected = failures.filter(({ kind }) => kind === 'REJECT');
  expect(addresses.length + rejected.length).toBe(receipts);
  for (const { kind, pack_id, line } of addresses) {
    const outcome = LETTER_OUTCOMES[letters.get(pack_id)?.[line] as OutcomeLetter];
    if (kind === 'EVENT') expect(outcome).toBe('ACCEPTED');
    else expect(['DUPLICATE', 'CONFLICT']).toContain(outcome);
  }
  const events = addresses.filter(({ kind }) => kind === 'EVENT');
  expect(new Set(events.map(({ event_id }) => event_id)).size).toBe(events.length);
}

/** The bytes of a receipt that an answer named. */
export async function receivedText(backend: Backend, at: { raw_key: string | null; line: number }): Promise<string> {
  const packId = /([^/]+)\.ndjson\.gz$/.exec(at.raw_key ?? '')?.[1] ?? '';
  expect(at.raw_key).toBe(packKey(packId));
  const envelope = (await readPack(start(backend), packId))[at.line];
  if (envelope === undefined) throw new Error(`no line ${at.line} in ${packId}`);
  return new TextDecoder().decode(envelopeBody(envelope));
}
