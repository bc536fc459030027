// How a producer ends with its process, in real processes: each emits a hundred unsent events, and ends.
import { join } from 'node:path';
import { bundleChild, type Ended, folder, start as startChild, tidyUp } from '@pik/testkit/fixtures/producer/children';
import { type ServedSink, serveSink } from '@pik/testkit/fixtures/producer/served-sink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let child = '';
beforeAll(async () => {
  child = await bundleChild(join(import.meta.dirname, 'support/producer-child.ts'));
});
afterAll(tidyUp);

describe.each(['never', 'always'] as const)('with the option thread: %s,', (thread) => {
  const start = (file: string, args: readonly string[], env: Record<string, string> = {}) =>
    startChild(file, args, { env: { PIK_TEST_THREAD: thread, ...env } });
  const saidOf = ({ said }: Ended, what: string) => said.find((one) => one.what === what)?.about;
  const missing = (ended: Ended, { backend }: ServedSink) =>
    (saidOf(ended, 'emitted') as string[]).filter((id) => !backend.kept.has(id));

  /** The grace period of a process whose backend is down. With a backend, every process has time to send. */
  const SHORT_GRACE = { PIK_TEST_GRACE_MS: '300' };

  /** Starts a waiting process, and ends it with a signal. */
  async function endBy(signal: NodeJS.Signals, args: readonly string[], env?: Record<string, string>): Promise<Ended> {
    const { process, heard, ended } = start(child, args, env);
    await heard('waiting');
    process.kill(signal);
    return ended;
  }

  describe('O9: with closeOnExit and no outbox', () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      for (const task of ['serve', 'flushing']) {
        it(`${signal} while it is ${task === 'serve' ? 'idle' : 'flushing'} sends everything, and the process ends by it`, async () => {
          const sink = await serveSink();
          const ended = await endBy(signal, [task, sink.url]);
          expect([ended.signal, ended.errors]).toEqual([signal, '']);
          expect(missing(ended, sink)).toEqual([]);
          await sink.close();
        });
      }
    }

    it('a signal while the backend is down ends the process within the grace period', async () => {
      const sink = await serveSink(() => new Promise(() => {}));
      const ended = await endBy('SIGTERM', ['serve', sink.url], SHORT_GRACE);
      expect(ended.signal).toBe('SIGTERM');
      await sink.close();
    });

    it('an idle process sends everything before it ends', async () => {
      const sink = await serveSink();
      const ended = await start(child, ['idle', sink.url]).ended;
      expect([ended.code, ended.errors]).toEqual([0, '']);
      expect(missing(ended, sink)).toEqual([]);
      expect(saidOf(ended, 'counted')).toMatchObject({ emitted: 100, acked: 100, pending: 0 });
      await sink.close();
    });

    it('process.exit leaves no time: the loss is counted, and the warning recommends an outbox', async () => {
      const sink = await serveSink();
      const ended = await start(child, ['exit', sink.url]).ended;
      expect(ended.code).toBe(3);
      expect(saidOf(ended, 'counted')).toMatchObject({ emitted: 100, acked: 0, pending: 100 });
      await sink.close();
    });
  });

  describe('O9: with an outbox', () => {
    for (const how of ['exit', 'throw']) {
      it(`a process that ends by ${how} loses nothing: the next one sends it`, async () => {
        const sink = await serveSink();
        const dir = folder();
        const ended = await start(child, [how, sink.url, dir]).ended;
        expect(ended.code).toBe(how === 'exit' ? 3 : 1);
        const next = await start(child, ['drain', sink.url, dir]).ended;
        expect(next).toMatchObject({ code: 0, errors: '' });
        expect(missing(ended, sink)).toEqual([]);
        await sink.close();
      });
    }

    it('a batch job ends by itself once its events are stored, while the backend is down', async () => {
      const dir = folder();
      const ended = await start(child, ['idle', 'http://127.0.0.1:1', dir]).ended;
      expect([ended.code, ended.errors]).toEqual([0, '']);
      expect(saidOf(ended, 'counted')).toMatchObject({ emitted: 100, undelivered: 100, pending: 0 });
      const sink = await serveSink();
      await start(child, ['drain', sink.url, dir]).ended;
      expect(missing(ended, sink)).toEqual([]);
      await sink.close();
    });

    it('a signal while the backend is down leaves everything to the next process', async () => {
      const silent = await serveSink(() => new Promise(() => {}));
      const dir = folder();
      const ended = await endBy('SIGTERM', ['flushing', silent.url, dir], SHORT_GRACE);
      expect(ended.signal).toBe('SIGTERM');
      await silent.close();
      const sink = await serveSink();
      await start(child, ['drain', sink.url, dir]).ended;
      expect(missing(ended, sink)).toEqual([]);
      await sink.close();
    });
  });
});
