import { createProducer } from '@pik/sdk';
import { accept, type Script, statuses, world } from '@pik/testkit/fixtures/producer/producer-world';
import { problem } from '@pik/testkit/fixtures/producer/scripted-backend';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { useVirtualTime } from './support/virtual-time.ts';

afterEach(() => void vi.useRealTimers());

describe('a backend that fails', () => {
  it('O14: a refused key pauses the producer and rejects flush; kept events are sent once the key is accepted', async () => {
    let isRefused = true;
    const { producer, emit, entries } = world(({ lines }, backend) =>
      isRefused ? problem(401, 'UNAUTHENTICATED') : backend.accept(lines),
    );
    const { result } = emit();
    await expect(producer.flush()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    await expect(producer.flush()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(producer.stats()).toMatchObject({ pending: 1, undelivered: 0, state: 'PAUSED' });
    expect(entries).toContainEqual(expect.objectContaining({ level: 'warn', event: 'paused' }));
    isRefused = false;
    await producer.flush();
    expect(await result).toMatchObject({ status: 'ACCEPTED' });
    expect(entries).toContainEqual(expect.objectContaining({ event: 'resumed' }));
    await producer.close();
  });

  it('O14: a pause does not use up the time of the events', async () => {
    useVirtualTime();
    let isRefused = true;
    const { producer, emit } = world(({ lines }, backend) =>
      isRefused ? new Response('', { status: 403 }) : backend.accept(lines),
    );
    const { result } = emit();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(producer.stats()).toMatchObject({ pending: 1, state: 'PAUSED' });
    isRefused = false;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(await result).toMatchObject({ status: 'ACCEPTED' });
  });

  it('H9, H10: is probed by one request at a time, at growing intervals', async () => {
    useVirtualTime();
    const { producer, emit, requests } = world(() => problem(503, 'INDEX_UNAVAILABLE'), {
      batchCountMax: 1,
      requestsInFlightMax: 8,
      deadlineMs: 3_600_000,
    });
    for (let n = 0; n < 100; n++) emit({ n });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(producer.stats()).toMatchObject({ state: 'WAITING', pending: 100 });
    const first = requests.length;
    await vi.advanceTimersByTimeAsync(600_000);
    // Full jitter below 10 seconds: 120 attempts in ten minutes on average, against 8 requests that retry
    // independently.
    expect(requests.length - first).toBeLessThan(240);
    expect(requests.length - first).toBeGreaterThan(30);
  });

  it('H10: gets no request at all until its Retry-After has passed', async () => {
    useVirtualTime();
    const attemptsMs: number[] = [];
    const { producer, emit } = world(
      ({ lines, attempt }, backend) => {
        attemptsMs.push(performance.now());
        return attempt === 1
          ? new Response('', { status: 429, headers: { 'retry-after': '30' } })
          : backend.accept(lines);
      },
      { batchCountMax: 1, requestsInFlightMax: 4 },
    );
    emit();
    await vi.advanceTimersByTimeAsync(100);
    for (let n = 0; n < 10; n++) emit();
    await vi.advanceTimersByTimeAsync(60_000);
    const [first = 0, second = 0] = attemptsMs;
    expect(second - first).toBeGreaterThanOrEqual(30_000);
    expect(producer.stats()).toMatchObject({ acked: 11, pending: 0 });
  });

  it('gives up every event at its deadline, and none before', async () => {
    useVirtualTime();
    const { producer, emit } = world(() => problem(503, 'INDEX_UNAVAILABLE'), { deadlineMs: 60_000, batchCountMax: 1 });
    for (let n = 0; n < 100; n++) emit();
    await vi.advanceTimersByTimeAsync(59_000);
    expect(producer.stats()).toMatchObject({ undelivered: 0, pending: 100 });
    await vi.advanceTimersByTimeAsync(12_000);
    expect(producer.stats()).toMatchObject({ undelivered: 100, pending: 0 });
  });

  it('a slow backend makes no event fail, however long the queue', async () => {
    useVirtualTime();
    const { producer, emit } = world(
      async ({ lines }, backend) => {
        await new Promise((resolve) => setTimeout(resolve, 5_000));
        return backend.accept(lines);
      },
      { deadlineMs: 10_000, batchCountMax: 1, requestsInFlightMax: 1 },
    );
    for (let n = 0; n < 20; n++) emit();
    await vi.advanceTimersByTimeAsync(200_000);
    expect(producer.stats()).toMatchObject({ acked: 20, undelivered: 0 });
  });

  it('O10, L3: time in which the process was suspended or blocked does not count against the deadline', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
    const { producer, emit } = world(({ lines, attempt }, backend) => {
      if (attempt < 3) throw new TypeError('socket closed');
      return backend.accept(lines);
    });
    emit();
    await vi.advanceTimersByTimeAsync(1);
    // Ten hours later by every clock, and no timer has fired.
    vi.setSystemTime(Date.now() + 36_000_000);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(producer.stats()).toMatchObject({ acked: 1, undelivered: 0 });
    clock.mockRestore();
  });

  it('O11: changes of the wall clock affect no wait', async () => {
    useVirtualTime();
    const { producer, emit } = world(({ lines, attempt }, backend) =>
      attempt < 4 ? problem(503, 'INDEX_UNAVAILABLE') : backend.accept(lines),
    );
    emit();
    await vi.advanceTimersByTimeAsync(10);
    vi.setSystemTime(0);
    await vi.advanceTimersByTimeAsync(100);
    vi.setSystemTime(4_000_000_000_000);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(producer.stats()).toMatchObject({ acked: 1, pending: 0 });
  });
});

describe('the end', () => {
  it('flush waits for the events emitted before, until its signal aborts', async () => {
    const opened = Promise.withResolvers<void>();
    const { producer, emit } = world(async ({ lines }, backend) => {
      await opened.promise;
      return backend.accept(lines);
    });
    const { result } = emit();
    await expect(producer.flush({ signal: AbortSignal.timeout(5) })).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(producer.flush({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' });
    const flushed = producer.flush();
    opened.resolve();
    await flushed;
    expect((await result).status).toBe('ACCEPTED');
    await producer.close();
  });

  it('O14: flush keeps waiting if the key is refused and accepted at the same moment', async () => {
    const answers = [new Response('<html>', { status: 403 })];
    const { producer, emit } = world(({ lines }, backend) => answers.pop() ?? backend.accept(lines), {
      batchCountMax: 1,
      requestsInFlightMax: 2,
    });
    const results = [emit({ n: 1 }), emit({ n: 2 })].map(({ result }) => result);
    await producer.flush();
    expect(statuses(await Promise.all(results))).toEqual(['ACCEPTED', 'ACCEPTED']);
    await producer.close();
  });

  it('close sends waiting events, and refuses later ones', async () => {
    const { producer, emit } = world();
    const sent = emit();
    const closed = producer.close();
    const late = emit();
    await closed;
    await producer.close();
    expect(await sent.result).toMatchObject({ status: 'ACCEPTED' });
    expect(await late.result).toMatchObject({ status: 'UNDELIVERED', code: 'PRODUCER_CLOSED' });
  });

  it('close ends within the deadline while the backend is down, and at once when its signal aborts', async () => {
    useVirtualTime();
    const refused: Script = () => {
      throw new TypeError('connect ECONNREFUSED');
    };
    const { producer, emit } = world(refused, { deadlineMs: 20_000, batchCountMax: 1 });
    for (let n = 0; n < 50; n++) emit();
    const closed = vi.fn();
    void producer.close().then(closed);
    await vi.advanceTimersByTimeAsync(40_000);
    expect(closed).toHaveBeenCalled();
    expect(producer.stats()).toMatchObject({ undelivered: 50, pending: 0 });

    const other = world(refused);
    other.emit();
    const stop = new AbortController();
    const stopped = other.producer.close({ signal: stop.signal });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(other.producer.stats().pending).toBe(1);
    stop.abort();
    await stopped;
    expect(other.producer.stats()).toMatchObject({ undelivered: 1, pending: 0 });
  });

  it('a refused key ends close after one more attempt', async () => {
    const { producer, emit, requests } = world(() => problem(403, 'FORBIDDEN'));
    const sent = emit();
    await producer.close();
    expect(await sent.result).toMatchObject({ status: 'UNDELIVERED', code: 'FORBIDDEN' });
    expect(requests.length).toBeLessThanOrEqual(2);
  });

  it('`await using` closes', async () => {
    const { backend } = world();
    {
      await using producer = createProducer({ fetch: backend.fetch, source: 's' });
      producer.emit('t', {}, { entity_id: 'e' });
    }
    expect(backend.kept.size).toBe(2);
  });
});

describe('hooks', () => {
  it('receive every result, and their exceptions are ignored', async () => {
    const seen: string[] = [];
    const { producer, emit } = world(accept, {
      onResult: (result, { event_id }) => {
        seen.push(`${result.status} ${event_id === result.event_id}`);
        throw new Error('faulty hook');
      },
      log: () => {
        throw new Error('faulty log');
      },
    });
    emit();
    emit({ n: 1n });
    await producer.close();
    expect(seen.sort()).toEqual(['ACCEPTED true', 'REJECTED true']);
    expect(producer.stats()).toMatchObject({ acked: 1, rejected: 1 });
  });

  it('without a log, losses are printed, but not for each event', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    const { producer, emit } = world(() => new Promise(() => {}), {
      bufferCountMax: 1,
      overflow: 'undelivered',
      log: undefined,
    });
    for (let n = 0; n < 10; n++) emit();
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toContain('BUFFER_FULL');
    await producer.close({ signal: AbortSignal.abort() });
    warn.mockRestore();
  });

  it('refuses invalid options', () => {
    const bad: object[] = [
      {},
      { url: 'no url' },
      { url: 'http://x', batchCountMax: 0 },
      { url: 'http://x', batchCountMax: 5_001 },
      { url: 'http://x', bufferBytesMax: 1.5 },
      { url: 'http://x', overflow: 'explode' },
    ];
    for (const options of bad)
      expect(() => createProducer(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
