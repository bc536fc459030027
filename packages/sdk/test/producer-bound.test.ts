import { type Script, seqsOf, world } from '@pik/testkit/fixtures/producer/producer-world';
import { reportsOf } from '@pik/testkit/fixtures/producer/scripted-backend';
import { describe, expect, it } from 'vitest';

describe('the buffer limit', () => {
  const never: Script = () => new Promise(() => {});
  const bounded = (overflow: 'wait' | 'undelivered' | 'drop-oldest', script: Script = never) =>
    world(script, { overflow, bufferCountMax: 16, batchCountMax: 4, requestsInFlightMax: 1 });

  it('O21: with `wait`, `ready` waits well before the limit, and emits beyond the limit are refused', async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { producer, emit } = bounded('wait', async ({ lines }, backend) => {
      await opened;
      return backend.accept(lines);
    });
    // Three batches of four: one in flight and two waiting.
    for (let n = 0; n < 11; n++) emit();
    await producer.ready();
    emit();
    let isReady = false;
    const ready = producer.ready().then(() => {
      isReady = true;
    });
    for (let n = 12; n < 16; n++) emit();
    const refused = emit();
    expect(await refused.result).toMatchObject({ status: 'UNDELIVERED', code: 'BUFFER_FULL' });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isReady).toBe(false);
    open();
    await ready;
    await producer.close();
    expect(producer.stats()).toMatchObject({ emitted: 17, acked: 16, undelivered: 1 });
  });

  it('O21: with `undelivered`, emits beyond the limit fail at once, and `ready` never waits', async () => {
    const { producer, emit } = bounded('undelivered');
    const sent = Array.from({ length: 20 }, () => emit());
    await producer.ready();
    expect(producer.stats()).toMatchObject({ emitted: 20, undelivered: 4, pending: 16 });
    expect(await sent[19]?.result).toMatchObject({ code: 'BUFFER_FULL' });
    await producer.close({ signal: AbortSignal.timeout(20) });
    expect(producer.stats()).toMatchObject({ undelivered: 20, pending: 0 });
  });

  it('O21: `drop-oldest` gives up and reports the oldest waiting event, never one in flight', async () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { producer, emit, requests } = bounded('drop-oldest', async ({ lines }, backend) => {
      await opened;
      return backend.accept(lines);
    });
    const sent = Array.from({ length: 21 }, (_, n) => emit({ n }));
    expect(producer.stats()).toMatchObject({ emitted: 21, dropped: 5, pending: 16 });
    expect(await sent[4]?.result).toMatchObject({
      status: 'UNDELIVERED',
      code: 'DROPPED',
      event_id: sent[4]?.event_id,
    });
    open();
    await producer.close();
    expect(seqsOf(requests)).toEqual([1, 2, 3, 4, ...Array.from({ length: 12 }, (_, i) => i + 10)]);
    expect(reportsOf(requests).flatMap(({ payload }) => payload.dropped)).toEqual([[5, 9]]);
  });

  it('also applies to bytes', async () => {
    const { producer, emit } = world(never, { bufferBytesMax: 10_000, overflow: 'undelivered' });
    for (let n = 0; n < 100; n++) emit({ fill: 'x'.repeat(1_000) });
    expect(producer.stats().pending).toBeLessThan(10);
    await producer.close({ signal: AbortSignal.abort() });
    expect(producer.stats()).toMatchObject({ undelivered: 100, pending: 0 });
  });
});
