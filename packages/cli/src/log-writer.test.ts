import { Writable } from 'node:stream';
import { createTelemetry } from '@pik/engine';
import { expect, it } from 'vitest';
import { createLogWriter } from './log-writer.ts';

it('rejects, and throws nothing, once the reader is gone; the telemetry counts what was lost', async () => {
  const taken: string[] = [];
  const reader = new Writable({
    write(chunk, _, done) {
      if (taken.length === 2) return done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
      taken.push(String(chunk));
      done();
    },
  });
  const telemetry = createTelemetry({ write: createLogWriter(reader) });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  for (let n = 0; n < 5; n++) {
    telemetry.log('info', 'line', { n });
    await settle();
  }
  expect(taken).toHaveLength(2);
  expect(await telemetry.metricsText()).toContain('\nLogLinesLostCount 3\n');
});
