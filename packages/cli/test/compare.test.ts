import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

let kit: Kit;
beforeAll(async () => {
  kit = await openKit();
  const lines = Array.from({ length: 200 }, (_, i) => {
    const payload = { release: i % 4 === 0 ? 'v2' : 'v1', total: i };
    const event = { source: 'shop', event_type: 'order.placed', entity_id: `o-${i}`, payload };
    return JSON.stringify({ ...event, event_time: i % 4 === 0 ? 'soon' : '2026-02-01T08:00:00Z' });
  });
  await runPik('ingest', fileOf(lines.join('\n')), ...at());
});
afterAll(() => kit.close());

const at = () => ['--url', kit.url];

describe('pik compare', () => {
  it('prints what distinguishes two groups, with shares, and a receipt to look at', async () => {
    const { code, stdout } = await runPik('compare', '--a', 'outcome = REJECTED', ...at());
    expect(code).toBe(0);
    expect(stdout).toContain('A: 50 receipts of outcome = REJECTED');
    expect(stdout).toMatch(/payload\.release == "v2" +100\.0 % +0\.0 % +∞/);
    expect(stdout).toContain('outcome (the groups are defined by it)');
  });

  it('says when nothing distinguishes them, and prints the parts of a difference', async () => {
    const args = [
      '--a',
      'payload.total >= 100',
      '--where',
      'outcome = ACCEPTED',
      '--measure',
      'mean',
      '--of',
      'payload.total',
    ];
    const { stdout } = await runPik('compare', ...args, ...at());
    expect(stdout).toContain('Nothing distinguishes the groups');
    expect(stdout).toContain('mean: 150 in A, 50 in B, difference 100');
  });

  it('names the place of a fault in the question', async () => {
    const { code, stderr } = await runPik('compare', '--a', 'source = x', '--measure', 'mean', ...at());
    expect([code, stderr]).toEqual([2, expect.stringContaining('of is required with a mean')]);
  });
});

describe('pik schema', () => {
  it('prints paths with shares and types, or only the JSON Schema', async () => {
    const { code, stdout } = await runPik('schema', ...at());
    expect([code, stdout]).toEqual([0, expect.stringContaining('shop order.placed: 150 events')]);
    expect(stdout).toMatch(/payload\.total +100\.0 % +integer/);
    const only = await runPik('schema', '--json-schema', '--type', 'order.placed', ...at());
    expect(JSON.parse(only.stdout)).toMatchObject({ type: 'object', required: ['release', 'total'] });
  });
});
