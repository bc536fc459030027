import { KitError } from '@pik/schema';
import {
  createTestClock,
  makeEventRow,
  makePackRow,
  makeRequestRows,
  makeSliceRow,
  type TestClock,
} from '@pik/testkit';
import { type AwsFault, createFakeAws, type FakeAws } from '@pik/testkit/aws';
import { makeDelivery } from '@pik/testkit/backend-contract/world';
import { beforeEach, describe, expect, it } from 'vitest';
import type { AwsBackend } from '../../src/backends/aws/open.ts';
import type { EventRow, Insertion } from '../../src/ports/rows.ts';

// The meaning of each answer of a service: done, not done, done by an earlier attempt, or unknown.

const PACK = '01890a5d-ac96-774b-bcce-b302099a8057';
const OTHER = '01890a5d-ac96-774b-bcce-b302099a8058';
const ALWAYS = { call: 1, times: 1_000_000 };

let clock: TestClock;
let aws: FakeAws;
let backend: AwsBackend;

beforeEach(() => {
  clock = createTestClock();
  aws = createFakeAws({ clock });
  backend = aws.open();
});

const bytes = (text: string) => new TextEncoder().encode(text);
const requests = (name?: string) => aws.calls.filter(({ request }) => name === undefined || request === name).length;

async function admit(
  rows: readonly EventRow[],
  rest: Parameters<typeof makeRequestRows>[0] = {},
): Promise<Insertion[]> {
  let met: readonly Insertion[] = [];
  await backend.index.admit(rows, (found) => {
    met = found;
    return makeRequestRows(rest);
  });
  return [...met];
}

describe('S3', () => {
  it.each([true, false])(
    'I5, R2: 412 means success after our own lost write, and RAW_EXISTS after a write by another process (checksums kept: %s)',
    async (kept) => {
      aws.s3.habits.keepsChecksums = kept;
      aws.plan([{ call: 1, kind: 'fail-after' }]);
      await backend.rawLog.append(PACK, bytes('ours'));
      expect(requests('PutObject')).toBe(2);
      await expect(backend.rawLog.append(PACK, bytes('other'))).rejects.toMatchObject({
        code: 'RAW_EXISTS',
        retryable: false,
      });
      expect(await backend.rawLog.read(PACK)).toEqual(bytes('ours'));
    },
  );

  it('I6: 409 does not show which object exists: the request is repeated, and never counts as a success', async () => {
    aws.plan([{ call: 1, kind: 'conflict', times: 3 }]);
    await backend.rawLog.append(PACK, bytes('ours'));
    expect(requests('PutObject')).toBe(4);
    aws.plan([{ ...ALWAYS, kind: 'conflict' }]);
    await expect(backend.rawLog.append(OTHER, bytes('ours'))).rejects.toMatchObject({ code: 'RAW_LOG_UNAVAILABLE' });
    aws.plan([]);
    expect(await backend.rawLog.has(OTHER)).toBe(false);
  });

  it('R1, R2b: throttling and silence are waited out until a deadline, and then reported as retryable', async () => {
    for (const kind of ['throttle', 'hang-before'] as const) {
      aws.plan([{ ...ALWAYS, kind }]);
      const startedMs = aws.timing.nowMs();
      const failed = await backend.rawLog.append(PACK, bytes('x')).catch((error: unknown) => error);
      expect(KitError.is(failed) && failed.code === 'RAW_LOG_UNAVAILABLE' && failed.retryable).toBe(true);
      expect(aws.timing.nowMs() - startedMs).toBeLessThanOrEqual(10_000);
    }
  });

  it.each(['partial', 'damage'] as const)(
    'R4, R5: a truncated or changed download is read again, and never returned (%s)',
    async (kind) => {
      await backend.rawLog.append(PACK, bytes('what was stored'));
      aws.plan([{ call: 1, kind, times: 2 }]);
      expect(await backend.rawLog.read(PACK)).toEqual(bytes('what was stored'));
      aws.plan([{ ...ALWAYS, kind }]);
      await expect(backend.rawLog.read(PACK)).rejects.toMatchObject({ code: 'RAW_CORRUPT' });
    },
  );

  it('R8, R10, R14: a refusal is reported at once, and means neither absence nor presence', async () => {
    const denied: FakeAws = createFakeAws({ clock });
    denied.s3.handle = () => {
      throw Object.assign(new Error('denied'), { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } });
    };
    const { rawLog } = denied.open();
    const code = 'RAW_LOG_UNAVAILABLE';
    await expect(rawLog.has(PACK)).rejects.toMatchObject({ code });
    await expect(rawLog.read(PACK)).rejects.toMatchObject({ code, message: expect.stringContaining('AccessDenied') });
    await expect(rawLog.append(PACK, bytes('x'))).rejects.toMatchObject({ code });
    expect(denied.calls).toHaveLength(3);
    denied.s3.handle = () => {
      throw Object.assign(new Error('gone'), { name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } });
    };
    await expect(rawLog.read(PACK)).rejects.toMatchObject({ code });
  });
});

describe('DynamoDB', () => {
  it('I4, D2: an insert whose answer was lost is recognised as ours by pack and line; the insert of another process is not', async () => {
    const row = makeEventRow(PACK, { rule: 'key' });
    for (const kind of ['fail-after', 'hang-after'] as const) {
      aws.plan([{ call: 1, kind }]);
      expect(
        await admit([{ ...row, event_id: `${row.event_id.slice(0, -1)}${kind === 'fail-after' ? '0' : 'g'}` }]),
      ).toEqual([{ kind: 'present', stored: expect.objectContaining({ pack_id: PACK, line: row.line }) }]);
    }
    await admit([row]);
    const [met] = await admit([{ ...row, pack_id: OTHER }]);
    expect(met).toEqual({ kind: 'present', stored: row });
  });

  it('D1, D12: rows that the table throttles stay undecided; all others are decided', async () => {
    const rows = Array.from({ length: 20 }, (_, i) =>
      makeEventRow(PACK, { entity: i % 4 === 0 ? 'hot' : 'cool', payload: `${i}`, line: i }),
    );
    const hot = rows[0]?.event_id.slice(0, 12) ?? '';
    const where: AwsFault['where'] = ({ input }) => JSON.stringify(input).includes(hot);
    aws.plan([{ ...ALWAYS, kind: 'throttle', where }]);
    const met = await admit(rows);
    expect(met.map(({ kind }) => kind)).toEqual(
      rows.map((row) => (row.entity_id === 'hot' ? 'throttled' : 'inserted')),
    );
    aws.plan([]);
    expect((await admit(rows)).every(({ kind }) => kind !== 'throttled')).toBe(true);
  });

  it('D1: if every row is throttled, all stay undecided and the call does not fail', async () => {
    aws.plan([{ ...ALWAYS, kind: 'throttle', where: ({ request }) => request === 'PutItem' }]);
    const rows = [makeEventRow(PACK), makeEventRow(PACK, { payload: 'b', line: 1 })];
    expect(await admit(rows)).toEqual([{ kind: 'throttled' }, { kind: 'throttled' }]);
  });

  it('G20: if no row gets an answer, the call and the next ping fail', async () => {
    aws.plan([{ ...ALWAYS, kind: 'hang-before' }]);
    await expect(admit([makeEventRow(PACK)])).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE', retryable: true });
    await expect(backend.index.ping()).rejects.toMatchObject({ code: 'INDEX_UNAVAILABLE' });
    aws.plan([]);
    await backend.index.ping();
    const sent = aws.calls.length;
    await backend.index.ping();
    expect(aws.calls).toHaveLength(sent);
  });

  it('G2: a refused look-up decides no outcome: the writes do', async () => {
    const rows = Array.from({ length: 20 }, (_, line) => makeEventRow(PACK, { line }));
    await admit(rows);
    aws.plan([{ ...ALWAYS, kind: 'deny', where: ({ request }) => request === 'BatchGetItem' }]);
    const met = await admit(rows.map((row) => ({ ...row, pack_id: OTHER })));
    expect(met.map(({ kind }) => kind)).toEqual(rows.map(() => 'present'));
  });

  it('D12: a single write that conflicts with a transaction on its row is sent again', async () => {
    aws.plan([{ call: 1, kind: 'conflict' }]);
    expect(await admit([makeEventRow(PACK)])).toMatchObject([{ kind: 'inserted' }]);
  });

  it('a request of mostly repeats looks up the rows that it has not tried; new rows are still decided by their write', async () => {
    const rows = Array.from({ length: 100 }, (_, i) => makeEventRow(PACK, { payload: `${i}`, line: i }));
    await admit(rows);
    const again = rows.map((row) => ({ ...row, pack_id: OTHER }));
    const fresh = Array.from({ length: 5 }, (_, i) => makeEventRow(OTHER, { payload: `new ${i}`, line: 100 + i }));
    const before = aws.calls.length;
    const met = await admit([...again, ...fresh]);
    expect(met.slice(0, 100)).toEqual(rows.map((stored) => ({ kind: 'present', stored })));
    expect(met.slice(100).map(({ kind }) => kind)).toEqual(fresh.map(() => 'inserted'));
    const sent = aws.calls.slice(before).map(({ request }) => request);
    expect(sent.filter((request) => request === 'BatchGetItem')).toHaveLength(1);
    expect(sent.filter((request) => request === 'PutItem')).toHaveLength(8 + 5);
  });

  it('G5: a look-up treats an expired row as absent', async () => {
    const ended = (i: number) => i % 5 === 1;
    const rows = Array.from({ length: 40 }, (_, i) =>
      makeEventRow(PACK, { payload: `${i}`, line: i, expires_ms: clock.ms + (ended(i) ? 1_000 : 9_000) }),
    );
    await admit(rows);
    clock.ms += 1_000;
    const again = rows.map((row) => ({ ...row, pack_id: OTHER, expires_ms: clock.ms + 9_000 }));
    const before = aws.calls.length;
    expect(await admit(again)).toEqual(
      rows.map((stored, i) => (ended(i) ? { kind: 'inserted', replaced_expired: true } : { kind: 'present', stored })),
    );
    expect(aws.calls.slice(before).map(({ request }) => request)).toContain('BatchGetItem');
  });

  it.each(['throttle', 'hang-before'] as const)(
    'D1: while reads of the table fail, a repeat is decided by its writes (%s)',
    async (kind) => {
      const rows = Array.from({ length: 40 }, (_, i) => makeEventRow(PACK, { payload: `${i}`, line: i }));
      await admit(rows);
      aws.plan([{ ...ALWAYS, kind, where: ({ request }) => request === 'BatchGetItem' }]);
      expect(await admit(rows.map((row) => ({ ...row, pack_id: OTHER })))).toEqual(
        rows.map((stored) => ({ kind: 'present', stored })),
      );
    },
  );

  it('D16: keys that a batch leaves out are requested again, a bounded number of times', async () => {
    const rows = Array.from({ length: 150 }, (_, i) => makeEventRow(PACK, { payload: `${i}`, line: i }));
    await admit(rows);
    const ids = [...rows.map(({ event_id }) => event_id), rows[0]?.event_id ?? '', 'd'.repeat(47)];
    aws.plan([{ call: 1, kind: 'partial', times: 4 }]);
    expect(await backend.index.getEvents(ids)).toEqual([...rows, rows[0], null]);
    aws.plan([{ ...ALWAYS, kind: 'partial', where: () => true }]);
    const halves = await backend.index.getEvents(ids.slice(0, 2)).catch((error: unknown) => error);
    expect(halves).toMatchObject({ code: 'INDEX_UNAVAILABLE' });
  });

  it('D13: a slice of any size is read back whole, and a report that needs no receipts does not read them', async () => {
    const entries = Uint8Array.from({ length: 475_000 }, (_, i) => i % 251);
    const slice = makeSliceRow(PACK, { entries, accepted: 5_000, duplicates: 0, conflicts: 0 });
    await admit([], { slices: [slice], pack: makePackRow(PACK) });
    const range = { fromDay: slice.event_day, toDay: slice.event_day + 1 };
    const [whole] = (await backend.index.listSlices({ ...range, withEntries: true })).items;
    expect(Buffer.compare(whole?.entries ?? bytes(''), entries)).toBe(0);
    const before = aws.calls.length;
    const { items } = await backend.index.listSlices({ ...range, withEntries: false });
    expect(items).toEqual([{ ...slice, entries: new Uint8Array(0) }]);
    expect(aws.calls.slice(before).every(({ units }) => units.read <= 1)).toBe(true);
  });

  it('a slice that is rewritten with more receipts is complete at any time, and never loses receipts', async () => {
    const few = makeSliceRow(PACK, { accepted: 1, duplicates: 0, conflicts: 0, entries: bytes('few') });
    const more = { ...few, accepted: 2, entries: bytes('more of them') };
    const read = async () => {
      const query = { fromDay: few.event_day, toDay: few.event_day + 1, withEntries: true };
      return (await backend.index.listSlices(query)).items;
    };
    await admit([], { slices: [few] });
    // The receipts were written, the row that counts them was not.
    aws.plan([{ call: 2, kind: 'crash-before' }]);
    await expect(admit([], { slices: [more] })).rejects.toThrow('crashed');
    aws.plan([]);
    backend = aws.open();
    expect(await read()).toEqual([few]);
    await admit([], { slices: [more] });
    await admit([], { slices: [few] });
    expect(await read()).toEqual([more]);
  });

  it('D12: a storm of repeats writes a hundred rows for one event, and then one write unit per receipt', async () => {
    const row = makeEventRow(PACK);
    await admit([row]);
    const before = aws.calls.length;
    for (let i = 0; i < 300; i++) {
      const repeat = makeEventRow(OTHER, { line: i });
      await admit([repeat], { deliveries: [{ ...makeDelivery(row, OTHER), line: i }] });
    }
    const units = aws.calls.slice(before).reduce((sum, call) => sum + call.units.write, 0);
    expect(units).toBe(300 + 100);
    expect(await backend.index.getDeliveries(row)).toHaveLength(100);
  });

  it('G5: the deliveries of an event expire with it, although they came later', async () => {
    const old = makeEventRow(PACK, { rule: 'key', expires_ms: clock.ms + 1_000 });
    await admit([old]);
    const repeat = { ...old, pack_id: OTHER, expires_ms: clock.ms + 5_000 };
    await admit([repeat], { deliveries: [{ ...makeDelivery(old, OTHER), expires_ms: repeat.expires_ms }] });
    expect(await backend.index.getDeliveries(old)).toHaveLength(1);
    clock.ms += 1_000;
    await admit([{ ...old, pack_id: OTHER, line: 1, expires_ms: clock.ms + 9_000 }]);
    expect(await backend.index.getDeliveries(old)).toEqual([]);
    expect((await backend.index.listAddresses()).items).toHaveLength(1);
  });
});

describe('SQS', () => {
  const messages = (count: number, fill = '') =>
    Array.from({ length: count }, (_, i) => ({ message_id: `replay.first.${i}`, body: JSON.stringify({ i, fill }) }));

  it('Q11: entries that a batch did not accept are sent again, alone, a bounded number of times', async () => {
    aws.plan([{ call: 1, kind: 'partial', times: 2 }]);
    await backend.queue.send(messages(10));
    const sizes = aws.calls.map(({ input }) => (input as { Entries: unknown[] }).Entries.length);
    expect(sizes).toEqual([10, 5, 3]);
    expect((await backend.queue.receive({ max: 10, visibilityMs: 1_000 })).length).toBe(10);
    aws.plan([{ ...ALWAYS, kind: 'partial' }]);
    await expect(backend.queue.send(messages(1))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true });
  });

  it('Q12: entries are grouped so that no request exceeds the size limit of the queue', async () => {
    await backend.queue.send(messages(20));
    expect(requests()).toBe(2);
    await backend.queue.send(messages(10, 'x'.repeat(100 * 1024)));
    expect(requests()).toBe(2 + 5);
    await backend.queue.send(messages(4, 'é'.repeat(100 * 1024)));
    expect(requests()).toBe(2 + 5 + 4);
  });

  it('Q4, D06: a dead message is in the dead-letter queue before it is deleted from the other queue', async () => {
    await backend.queue.send(messages(1));
    for (let receives = 1; receives < 5; receives++) {
      const [held] = await backend.queue.receive({ max: 1, visibilityMs: 1_000 });
      await backend.queue.fail(held?.receipt ?? '', { code: 'C', detail: 'd', delayMs: 0 });
    }
    const [last] = await backend.queue.receive({ max: 1, visibilityMs: 1_000 });
    aws.plan([{ call: 2, kind: 'crash-after' }]);
    const dying = backend.queue.fail(last?.receipt ?? '', { code: 'C', detail: 'd', delayMs: 0 });
    await expect(dying).rejects.toThrow('crashed');
    aws.plan([]);
    backend = aws.open();
    expect((await backend.queue.listDead({ limit: 5 })).items).toMatchObject([{ code: 'C', detail: 'd', receives: 5 }]);
    clock.ms += 120_000;
    // SQS itself moves the remaining copy; it is still one dead letter, with its reason.
    expect(await backend.queue.receive({ max: 1, visibilityMs: 1_000 })).toEqual([]);
    expect((await backend.queue.listDead({ limit: 5 })).items).toMatchObject([{ code: 'C', detail: 'd' }]);
    expect(await backend.queue.redrive()).toBe(1);
    expect((await backend.queue.listDead({ limit: 5 })).items).toEqual([]);
    expect(await backend.queue.receive({ max: 10, visibilityMs: 1_000 })).toHaveLength(1);
  });

  it('Q10: an interrupted redrive leaves at most ten messages in both queues, and the next one continues from there', async () => {
    const dead = aws.sqs.queues.get('https://sqs.test/pik-dead') ?? [];
    const live = aws.sqs.queues.get('https://sqs.test/pik-replay') ?? [];
    await backend.queue.send(messages(45));
    dead.push(...live.splice(0));
    aws.plan([{ call: 8, kind: 'crash-before' }]);
    await expect(backend.queue.redrive()).rejects.toThrow('crashed');
    aws.plan([]);
    backend = aws.open();
    expect(live.length).toBeGreaterThan(10);
    expect(live.length + dead.length).toBeLessThanOrEqual(45 + 10);
    clock.ms += 30_000;
    while ((await backend.queue.redrive()) > 0);
    expect(dead).toEqual([]);
    expect(new Set(live.map(({ body }) => body)).size).toBe(45);
    expect(live.length).toBeLessThanOrEqual(45 + 10);
  });

  it('a message that Lambda received fails and becomes a dead letter like one that the worker received', async () => {
    await backend.queue.send(messages(1));
    for (let receives = 1; receives <= 5; receives++) {
      const taken = await backend.queue.receive({ max: 1, visibilityMs: 1_000 });
      // Another process: it knows only the facts of the message that the Lambda event contains.
      const { queue } = aws.open();
      const stored = aws.sqs.queues.get('https://sqs.test/pik-replay')?.[0];
      const adopted = queue.adopt({
        messageId: stored?.id ?? '',
        receiptHandle: taken[0]?.receipt ?? '',
        body: stored?.body ?? '',
        attributes: { ApproximateReceiveCount: String(receives), SentTimestamp: '0' },
        messageAttributes: Object.fromEntries(
          Object.entries(stored?.attributes ?? {}).map(([name, { StringValue }]) => [
            name,
            { stringValue: StringValue },
          ]),
        ),
      });
      expect(adopted).toEqual(taken[0]);
      const outcome = await queue.fail(adopted.receipt, { code: 'C', detail: 'd', delayMs: 0 });
      expect(outcome).toBe(receives < 5 ? 'RETRIED' : 'DEAD');
      backend = aws.open();
    }
    const { items } = await backend.queue.listDead({ limit: 5 });
    expect(items).toMatchObject([{ ...messages(1)[0], sent_ms: clock.ms, died_ms: clock.ms }]);
  });
});
