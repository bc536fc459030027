import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { defineAggregate, sumOf } from '@pik/aggregates';
import type { Doors, RawEvent } from '@pik/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/api/create-pipeline.ts';
import type { Pipeline, Wire } from '../../src/api/pipeline.ts';
import { openLocalBackend } from '../../src/backends/local/open.ts';
import { rebuildDir, verifyAll } from '../support/verified.ts';

// A receipt that a mapping read is read alike for ever: its envelope has the mapping, its version, its settings and the headers.

const total = defineAggregate({
  ...{ metric: 'total', definition_version: 1, group_by: 'source', window: 'day', time_zone: 'UTC' },
  ...sumOf(({ payload }) => (payload as { n: number }).n),
});

let dir: string;
let pipeline: Pipeline;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pik-doors-'));
});
afterEach(async () => {
  await pipeline.close();
  rmSync(dir, { recursive: true });
});

async function open(doors?: Doors): Promise<void> {
  pipeline = createPipeline({ backend: await openLocalBackend({ dir }), aggregates: [total], doors });
}

async function reopen(doors?: Doors): Promise<void> {
  await pipeline.close();
  await open(doors);
}

const requester = { requestId: 'r', principal: null };

async function send(body: string | Uint8Array, wire?: Wire) {
  const format = wire === undefined ? 'json' : 'whole';
  const request = { ...requester, format, wire, mode: 'live', dryRun: false, receivedMs: Date.now() } as const;
  const { results } = await pipeline.ingest({ ...request, body: Buffer.from(body) });
  const [result] = results;
  if (result === undefined) throw new Error('no result');
  return { ...result, pack_id: /([^/]+)\.ndjson\.gz$/.exec(result.raw_key ?? '')?.[1] ?? '' };
}

const binary = (attributes: object): Wire => ({
  name: 'cloudevents',
  around: {
    ...{ 'ce-specversion': '1.0', 'ce-source': 'shop', 'ce-type': 'sold', 'content-type': 'application/json' },
    ...Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, String(value)])),
  },
});

const faults = async () => (await verifyAll(pipeline)).faults.map(({ code }) => code);

const TIME = { time: '2026-01-30T10:00:00Z' };

describe('a receipt of another wire', () => {
  it('has the same outcome in verify and rebuild, under any later settings', async () => {
    await open();
    const data = '{"n":1}';
    const statuses = [
      await send(data, binary({ id: 1, ...TIME })),
      await send(`{"specversion":"1.0","id":"1","source":"shop","type":"sold","time":"${TIME.time}","data":${data}}`),
      await send(data, binary({ id: 2 })),
      await send(Uint8Array.of(0xff), binary({ id: 3, ...TIME })),
      await send('', binary({ id: 4, ...TIME })),
    ].map(({ status, code }) => code ?? status);
    expect(statuses).toEqual(['ACCEPTED', 'DUPLICATE', 'ACCEPTED', 'UTF8_INVALID', 'ACCEPTED']);
    await reopen({ cloudEvents: { without_subject: 'reject', without_time: 'reject', without_data: 'deletion' } });
    expect(await faults()).toEqual([]);
    expect(await send('', binary({ id: 4, ...TIME }))).toMatchObject({ code: 'FIELD_MISSING', path: '/ce-subject' });
    expect(await send('', binary({ id: 4, subject: 'shop', ...TIME }))).toMatchObject({ status: 'CONFLICT' });
    await pipeline.close();
    expect(await rebuildDir(dir)).toMatchObject({ receipts: 7, differing: [], unreadable: [] });
    await open();
    expect(await faults()).toEqual([]);
  });

  it('that was rejected is read by the settings of now when it is sent again', async () => {
    await open({ cloudEvents: { without_subject: 'reject' } });
    const rejected = await send('{"n":1}', binary({ id: 1, ...TIME }));
    expect(rejected.code).toBe('FIELD_MISSING');
    await reopen();
    const receipts = [{ pack_id: rejected.pack_id, line: 0 }];
    const { results } = await pipeline.reingest({ receipts }, { ...requester, receivedMs: Date.now() });
    expect(results[0]?.result).toMatchObject({ status: 'ACCEPTED' });
    expect(await send('{"n":1}', binary({ id: 1, ...TIME }))).toMatchObject({ status: 'DUPLICATE' });
    expect(await faults()).toEqual([]);
  });

  it('counts in metrics, and is listed with its bytes and in the form of the kit', async () => {
    await open();
    const { event_id } = await send(' {"n": 41}', binary({ id: 1, subject: 'e', ...TIME }));
    await send('{"n":1}', binary({ id: 2, subject: 'e', ...TIME }));
    const value = { metric: 'total', key: 'shop', window_start: '2026-01-30', asOfMs: null };
    expect(await pipeline.computeAggregate(value)).toMatchObject({ value: 42 });
    const query = { entity_id: 'e', start_time: null, end_time: null, asOfMs: null, limit: 10, cursor: null };
    const lines: RawEvent[] = [];
    for await (const line of pipeline.rawEvents(query)) lines.push(JSON.parse(line));
    const own = '{"source":"shop","event_type":"sold","entity_id":"e","event_time":"2026-01-30T10:00:00Z"';
    expect(lines.find((line) => line.event_id === event_id)).toMatchObject({
      body: ' {"n": 41}',
      mapped: `${own},"idempotency_key":"1","payload":{"n": 41}}`,
    });
    const story = await pipeline.explainEvent({ event_id: event_id ?? '' }, { asOfMs: null });
    expect(story).toMatchObject({ found: true, bytes: { state: 'OK' } });
  });

  it('that a map of the sender read is read alike in a rebuild, and mended in the form of the kit', async () => {
    await open();
    const fields = { source: 'shop', event_type: 'sold', event_time: TIME.time, idempotency_key: 'k' };
    const line = (own: object) => `${JSON.stringify({ map: 'm 1', record: 'a;1', ...own })}\n`;
    const wire: Wire = { name: 'mapped', around: null };
    const good = line({ fields: { ...fields, entity_id: 'e' }, payload: { n: 1 } });
    expect(await send(good, wire)).toMatchObject({ status: 'ACCEPTED' });
    expect(await send(good, wire)).toMatchObject({ status: 'DUPLICATE' });
    const rejected = await send(line({ fields, payload: { n: 2 } }), wire);
    expect(rejected).toMatchObject({ code: 'FIELD_MISSING', path: '/entity_id' });
    const receipt = { pack_id: rejected.pack_id, line: 0 };
    const again = async (body?: string) =>
      (await pipeline.reingest({ receipts: [{ ...receipt, body }] }, { ...requester, receivedMs: Date.now() })).results;
    expect(await again()).toMatchObject([{ result: { code: 'FIELD_MISSING' } }]);
    const mended = JSON.stringify({ ...fields, entity_id: 'other', payload: { n: 2 } });
    expect(await again(mended)).toMatchObject([{ result: { status: 'ACCEPTED' } }]);
    await pipeline.close();
    expect(await rebuildDir(dir)).toMatchObject({ receipts: 5, differing: [], unreadable: [] });
    await open();
    expect(await faults()).toEqual([]);
  });

  it('is refused before anything is stored if its headers are too large', async () => {
    await open();
    await expect(send('{}', binary({ id: 1, note: 'x'.repeat(17_000) }))).rejects.toThrow(/headers of the record/);
    await expect(send('{}', { name: 'unknown', around: null })).rejects.toThrow(/no mapping unknown/);
  });
});
