import { LIMITS, METRICS, type MetricName } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { createTelemetry } from './create-telemetry.ts';

const parse = (lines: string) =>
  lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** A writer whose promises settle on `release`. */
function slowWriter() {
  const written: string[] = [];
  const waiting: (() => void)[] = [];
  const write = (lines: string) => {
    written.push(lines);
    return new Promise<void>((resolve) => waiting.push(resolve));
  };
  const release = async () => {
    waiting.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { written, write, release };
}

describe('metrics', () => {
  const families = (text: string) => [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name, type]);

  it('are exactly those of the schema, all zero at the start', async () => {
    const text = await createTelemetry({ write() {} }).metricsText();
    const kinds = { Count: 'counter', Milliseconds: 'histogram', Seconds: 'gauge' };
    const expected = Object.entries(METRICS).map(([name, { unit }]) => [name, kinds[unit]]);
    expect(families(text)).toEqual(expected);
    for (const [name, declared] of Object.entries(METRICS))
      if (!('label' in declared)) expect(text).toMatch(new RegExp(`^${name}(_count)? 0$`, 'm'));
  });

  it('add up, and lags keep their sign', async () => {
    const telemetry = createTelemetry({ write() {} });
    telemetry.count('IngestCount', 2);
    telemetry.count('IngestCount', 3);
    telemetry.observe('IngestLagMs', [-5_000, 0, 1, 8_000_000]);
    const text = await telemetry.metricsText();
    expect(text).toContain('\nIngestCount 5\n');
    expect(text).toContain('IngestLagMs_bucket{le="-1000"} 1');
    expect(text).toContain('IngestLagMs_bucket{le="0"} 2');
    expect(text).toContain('IngestLagMs_bucket{le="7200000"} 3');
    expect(text).toContain('IngestLagMs_bucket{le="+Inf"} 4');
    expect(text).toContain('IngestLagMs_sum 7995001');
  });

  it('of durations have fine buckets, and those of questions a label', async () => {
    const telemetry = createTelemetry({ write() {} });
    telemetry.observe('IngestStoreMs', [3, 700]);
    telemetry.observe('QuestionMs', [15], 'lag');
    telemetry.observe('QuestionMs', [1_500], 'gaps');
    const text = await telemetry.metricsText();
    expect(text).toContain('IngestStoreMs_bucket{le="5"} 1');
    expect(text).toContain('IngestStoreMs_bucket{le="1000"} 2');
    expect(text).toContain('QuestionMs_bucket{le="20",question="lag"} 1');
    expect(text).toContain('QuestionMs_bucket{le="1000",question="gaps"} 0');
    expect(text).toContain('QuestionMs_count{question="gaps"} 1');
  });

  it('show the age of the last event of each source, of a bounded number of sources', async () => {
    let nowMs = 0;
    const telemetry = createTelemetry({ write() {}, now: () => nowMs });
    const ages = async () => [
      ...(await telemetry.metricsText()).matchAll(/^LastEventAgeSeconds\{source="(.+)"\} (.+)$/gm),
    ];
    expect(await ages()).toEqual([]);
    for (let n = 0; n < LIMITS.metric_sources_max + 5; n++) telemetry.accepted?.(`s${n}`);
    nowMs = 1_500;
    telemetry.accepted?.('s1');
    telemetry.accepted?.(`s${LIMITS.metric_sources_max}`);
    // An event that was received before, as a server finds it at its start.
    telemetry.accepted?.('s2', 500);
    telemetry.accepted?.('s1', 700);
    nowMs = 4_000;
    const found = new Map((await ages()).map(([, source, seconds]) => [source, Number(seconds)]));
    expect(found.size).toBe(LIMITS.metric_sources_max);
    expect([found.get('s2'), found.get('s0'), found.get('s1'), found.get(`s${LIMITS.metric_sources_max}`)]).toEqual([
      3.5,
      4,
      2.5,
      undefined,
    ]);
  });

  it('of an age show the latest value', async () => {
    const telemetry = createTelemetry({ write() {} });
    telemetry.observe('SweepLagSeconds', [900, 30]);
    expect(await telemetry.metricsText()).toContain('\nSweepLagSeconds 30\n');
  });

  it('ignore invalid values instead of throwing', async () => {
    const telemetry = createTelemetry({ write() {} });
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      telemetry.count('IngestCount', value);
      telemetry.observe('IngestCount', [value]);
    }
    telemetry.observe('IngestLagMs', [Number.NaN, Number.NEGATIVE_INFINITY]);
    telemetry.observe('DuplicateCount', [1, 2]);
    telemetry.count('IngestLagMs' satisfies MetricName, 7);
    const text = await telemetry.metricsText();
    expect(text).toContain('\nIngestCount 0\n');
    expect(text).toContain('\nDuplicateCount 3\n');
    expect(text).toContain('\nIngestLagMs_count 1\n');
  });

  it('of two processes do not mix', async () => {
    createTelemetry({ write() {} }).count('IngestCount', 1);
    expect(await createTelemetry({ write() {} }).metricsText()).toContain('\nIngestCount 0\n');
  });
});

describe('the log', () => {
  it('writes one line of JSON each, with time and level', () => {
    const lines: string[] = [];
    const telemetry = createTelemetry({ write: (line) => lines.push(line), now: () => 0 });
    telemetry.log('info', 'request', { text: 'a\nb\u2028', none: undefined });
    expect(lines).toEqual([
      '{"time":"1970-01-01T00:00:00.000Z","level":"info","event":"request","text":"a\\nb\u2028"}\n',
    ]);
  });

  it('never throws, neither for a sink that throws nor for fields without a JSON form', async () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    const lines: string[] = [];
    const good = createTelemetry({ write: (line) => lines.push(line) });
    good.log('error', 'x', { cyclic });
    good.log('error', 'x', { big: 1n });
    expect(lines.flatMap(parse)).toMatchObject([
      { event: 'x', fields_unreadable: true },
      { event: 'x', fields_unreadable: true },
    ]);
    createTelemetry({
      write() {
        throw new Error('EPIPE');
      },
    }).log('info', 'x', {});
    const rejecting = createTelemetry({ write: () => Promise.reject(new Error('EPIPE')) });
    rejecting.log('info', 'x', {});
    rejecting.log('info', 'x', {});
    await new Promise((resolve) => setImmediate(resolve));
  });

  it('keeps a bounded number of lines for a sink that hangs, then reports how many were lost', async () => {
    const { written, write, release } = slowWriter();
    const telemetry = createTelemetry({ write, waitingLinesMax: 3 });
    for (let i = 0; i < 100_000; i++) telemetry.log('info', 'x', { i });
    expect(written).toHaveLength(1);
    await release();
    expect(written).toHaveLength(2);
    const lines = parse(written[1] as string);
    expect(lines.map(({ event, i, count }) => [event, i ?? count])).toEqual([
      ['x', 1],
      ['x', 2],
      ['x', 3],
      ['log_lines_dropped', 99_996],
    ]);
    await release();
    telemetry.log('info', 'x', { i: 'after' });
    expect(parse(written[2] as string)).toMatchObject([{ i: 'after' }]);
  });
});
