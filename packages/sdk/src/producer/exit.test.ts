// Tests who ends a process: the service if it listens for the signal, in whatever way and order; otherwise the last
// producer.
import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { closeOnExit } from './exit.ts';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** A process that never ends. */
function host() {
  const made = Object.assign(new EventEmitter(), { pid: 7, kill: vi.fn() });
  vi.stubGlobal('process', made);
  return made;
}

/** A producer that records its calls, with a backend that takes events or not. */
function noted(state = 'FLOWING', pending = 0) {
  const calls: string[] = [];
  const note = (name: string) => async () => void calls.push(name);
  return { calls, flush: note('flush'), close: note('close'), stats: () => ({ state, pending }) as never };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a signal', () => {
  it('without other listeners flushes, closes and then ends the process', async () => {
    const process = host();
    const producer = noted();
    closeOnExit(producer);
    process.emit('SIGTERM', 'SIGTERM');
    await settled();
    expect(producer.calls).toEqual(['flush', 'close']);
    expect(process.kill.mock.calls).toEqual([[7, 'SIGTERM']]);
    expect(process.eventNames()).toEqual([]);
  });

  const ways = ['on', 'once', 'prependListener', 'prependOnceListener'] as const;
  it.each(ways.flatMap((way) => [[way, 'before'] as const, [way, 'after'] as const]))(
    'for which the service listens by %s, %s this, is the service’s: the producer closes last',
    async (way, order) => {
      const process = host();
      const producer = noted();
      const serve = () => process[way]('SIGTERM', () => {});
      if (order === 'before') serve();
      closeOnExit(producer);
      if (order === 'after') serve();
      process.emit('SIGTERM', 'SIGTERM');
      await settled();
      expect(producer.calls).toEqual([]);
      expect(process.kill).not.toHaveBeenCalled();
      process.emit('beforeExit', 0);
      await settled();
      expect(producer.calls).toEqual(['flush', 'close']);
      expect(process.kill).not.toHaveBeenCalled();
    },
  );

  it('that the service raises again when it has finished ends the process after the producer', async () => {
    const process = host();
    const producer = noted();
    closeOnExit(producer);
    process.once('SIGTERM', () => {});
    process.emit('SIGTERM', 'SIGTERM');
    await settled();
    process.emit('SIGTERM', 'SIGTERM');
    await settled();
    expect(producer.calls).toEqual(['flush', 'close']);
    expect(process.kill.mock.calls).toEqual([[7, 'SIGTERM']]);
  });

  it('with several producers ends the process once, after the slowest of them', async () => {
    const process = host();
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const slow = { ...noted(), close: () => finished };
    const fast = noted();
    closeOnExit(slow);
    closeOnExit(fast);
    process.emit('SIGINT', 'SIGINT');
    await settled();
    expect(fast.calls).toEqual(['flush', 'close']);
    expect(process.kill).not.toHaveBeenCalled();
    finish();
    await settled();
    expect(process.kill.mock.calls).toEqual([[7, 'SIGINT']]);
  });

  it('does not wait for signal-exit, which waits for others', async () => {
    const process = host();
    vi.stubGlobal('process', process);
    process.on('SIGTERM', () => {});
    for (const emitter of [{ process: { __signal_exit_emitter__: { count: 1 } } }, { global: { count: 1 } }]) {
      if ('process' in emitter) Object.assign(process, emitter.process);
      else {
        Object.assign(process, { __signal_exit_emitter__: undefined });
        vi.stubGlobal(Symbol.for('signal-exit emitter') as never, emitter.global);
      }
      closeOnExit(noted());
      process.emit('SIGTERM', 'SIGTERM');
      await settled();
      expect(process.kill).toHaveBeenCalledOnce();
      process.kill.mockClear();
    }
  });

  it('while the backend fails closes the producer at once', async () => {
    const process = host();
    const producer = noted('WAITING');
    closeOnExit(producer);
    process.emit('SIGTERM', 'SIGTERM');
    await settled();
    expect(producer.calls).toEqual(['close']);
  });
});

describe('the end without a signal', () => {
  it('closes the producer without a time limit', async () => {
    const process = host();
    const close = vi.fn(async () => {});
    closeOnExit({ ...noted(), close });
    process.emit('beforeExit', 0);
    await settled();
    expect(close.mock.calls).toEqual([[]]);
    expect(process.kill).not.toHaveBeenCalled();
    expect(process.eventNames()).toEqual([]);
  });

  it('by process.exit prints how many events have no result', () => {
    const process = host();
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
    closeOnExit(noted('FLOWING', 0));
    closeOnExit(noted('FLOWING', 3));
    process.emit('exit', 0);
    expect(warn.mock.calls).toEqual([[expect.stringContaining('3 events')]]);
  });

  it('has no effect once the listeners are removed, or without a process', () => {
    const process = host();
    closeOnExit(noted())();
    expect(process.eventNames()).toEqual([]);
    vi.stubGlobal('process', undefined);
    expect(closeOnExit(noted())()).toBeUndefined();
  });
});
