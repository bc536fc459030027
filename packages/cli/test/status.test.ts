import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Overview } from '../src/status/overview.ts';
import { eventText, fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

const HOUR = 3_600_000;

let kit: Kit;
const pik = (...args: readonly string[]) => runPik(...args, '--url', kit.url);
async function overview(...args: readonly string[]): Promise<Overview & { code: number }> {
  const { code, stdout } = await pik('status', '--json', ...args);
  return { ...(JSON.parse(stdout) as Overview), code };
}

/** Events of a source, one an hour, from `fromHours` to `toHours` ago, received when they happened. */
const hourly = (source: string, fromHours: number, toHours: number) =>
  Array.from({ length: fromHours - toHours + 1 }, (_, i) => {
    const event_time = new Date(Date.now() - (fromHours - i) * HOUR).toISOString();
    return eventText({ source, entity_id: `${source}-1`, event_time, received_at: event_time });
  });

beforeAll(async () => {
  kit = await openKit();
});
afterAll(() => kit.close());

describe('status', () => {
  it('of a kit without events says so', async () => {
    expect(await overview()).toMatchObject({ code: 0, last_event_at: null, series: [], alarms: [] });
    expect((await pik('status')).stdout).toContain('Nothing needs attention.');
  });

  it('lists what needs attention first, each with since when and the command that shows the evidence', async () => {
    const records = [...hourly('gone', 500, 30), ...hourly('here', 500, 0)];
    await pik('import', fileOf(records.join('\n')));
    await pik('ingest', fileOf(eventText({ source: "joe's", event_time: new Date().toISOString() })));
    await pik('ingest', fileOf('{"source":"joe\'s","event_type":"parcel.scanned"}'));
    const { code, series, alarms } = await overview('--include-imported', '--since', '3d');
    expect(code).toBe(1);
    expect(series.map(({ series: name, state }) => [name.split(' ')[0], state])).toEqual([
      ['gone', 'silent'],
      ["joe's", 'failing'],
      ['here', 'ok'],
    ]);
    expect(alarms.map(({ kind }) => kind)).toEqual(['SILENT', 'REJECT']);
    expect(alarms[0]?.command).toMatch(/^pik gaps --source gone --type \S+$/);
    expect(alarms[0]?.since).toBeDefined();
    expect(alarms[1]?.command).toBe("pik rejects --code FIELD_MISSING --source 'joe'\\''s' --type parcel.scanned");
  });

  it('prints the same on one screen', async () => {
    const { code, stdout } = await pik('status', '--include-imported', '--since', '3d');
    expect(code).toBe(1);
    expect(stdout).toContain('2 things to look at:');
    expect(stdout).toMatch(/SILENT since \S+Z\n/);
    expect(stdout.split('\n').length).toBeLessThan(30);
  });

  it('does not deny an event that was received now and happened long ago', async () => {
    const other = await openKit();
    try {
      const past = eventText({ source: 'past', event_time: '2026-01-01T00:00:00Z' });
      await runPik('ingest', fileOf(past), '--url', other.url);
      const { stdout } = await runPik('status', '--url', other.url);
      expect(stdout).toMatch(/^\S+ 1 event received from .+ all of them about earlier or later times\.\n/);
    } finally {
      await other.close();
    }
  });

  it('names the filter that left it empty', async () => {
    const other = await openKit();
    try {
      await runPik('import', fileOf(hourly('past', 5, 1).join('\n')), '--url', other.url);
      const { stdout } = await runPik('status', '--url', other.url);
      expect(stdout).toMatch(/^\S+ No event from .+ imported/);
    } finally {
      await other.close();
    }
  });
});
