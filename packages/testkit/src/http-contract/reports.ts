import { beforeAll, describe, expect, it } from 'vitest';

import { type Asking, event, faultsOf, type Json, receiptPath, text, unique } from './ask.ts';

const HOUR = 3_600_000;
/** A Monday whose hours no other test of the suite uses. */
const START = Date.UTC(2024, 0, 1);
const at = (hour: number, ms = 0) => new Date(START + hour * HOUR + ms).toISOString();

/** Tests of reports and of rejects. */
export function reports(ask: Asking): void {
  const source = `reports_${unique()}`;
  const send = (events: readonly Json[]) => ask('/ingest', { body: text(events) });
  const regular = (hour: number, rest: Json = {}) =>
    event({ source, event_type: 'meter.read', entity_id: 'meter', event_time: at(hour, 60_000), ...rest });

  /** Resolves once new events get a receive time after this one; a server may stamp them slightly before it answers. */
  const receivedAfter = async (time: string) => {
    for (let hour = 0; ; hour++) {
      const { json } = await ask('/ingest', { body: text(event({ source: `probe_${source}`, event_time: at(hour) })) });
      if (START + hour * HOUR + json.lag_ms > Date.parse(time)) return;
    }
  };

  describe('gaps', () => {
    const range = `source=${source}&start_time=${at(0)}&end_time=${at(240)}`;
    beforeAll(async () => {
      const hours = Array.from({ length: 240 }, (_, hour) => hour).filter((hour) => hour !== 100 && hour !== 101);
      await send(hours.map((hour) => regular(hour)));
      await send(hours.map((hour) => regular(hour, { event_type: 'meter.ping' })));
    });

    it('names the empty windows of a calendar, merged, with the neighbouring events and the cause', async () => {
      const { json } = await ask(`/reports/gaps?${range}`);
      expect(json.partial).toBe(false);
      expect(json.series.map(({ model }: Json) => model)).toEqual(['CLOCK', 'CLOCK']);
      expect(json.series[0]).toMatchObject({ reason: null, expects: expect.stringMatching(/^a clock, every hour/) });
      const found = json.gaps.find(({ series }: Json) => series.event_type === 'meter.read');
      expect(found).toMatchObject({
        state: 'MISSING',
        kind: expect.stringMatching(/^(SKIP|OUTAGE)$/),
        text: expect.any(String),
        start_time: at(100).replace('.000Z', '.000000000Z'),
        end_time: at(102).replace('.000Z', '.000000000Z'),
        windows: 2,
        cause: 'SOURCE_WIDE',
        last_good: { time: at(99, 60_000).replace('.000Z', '.000000000Z') },
        first_good: { time: at(102, 60_000).replace('.000Z', '.000000000Z') },
      });
      const { json: good } = await ask(`/events/${found.last_good.event_id}`);
      expect(good.event).toMatchObject({ source, pack_id: found.last_good.pack_id, line: found.last_good.line });
      expect(json.gaps).toHaveLength(2);
      expect(json.false_alarms).toEqual({ alpha: 0.01, spent: 0.005, covers: 'OUTAGE and PARTIAL', judged: 2 });
    });

    it('accepts a declared cadence, one entity, and a zone; there is no gap before the first or after the last event', async () => {
      const wide = `source=${source}&start_time=${at(-500)}&end_time=${at(900)}`;
      for (const more of ['&cadence_ms=3600000', '&cadence_ms=3600000&time_zone=America/New_York']) {
        const { json } = await ask(`/reports/gaps?${wide}&event_type=meter.read${more}`);
        expect(json.gaps.map(({ windows }: Json) => windows)).toEqual([2]);
        expect(json.series[0].silence).toMatchObject({ windows: 660, longest: true });
      }
      const { json } = await ask(`/reports/gaps?entity_id=meter&event_type=meter.read&${wide}`);
      expect(json.gaps.map(({ windows, series }: Json) => [windows, series])).toEqual([[2, { entity_id: 'meter' }]]);
    });

    it('counts a relative range from its first page, so that later pages are of the same question', async () => {
      const path = `/reports/lag?source=${source}&start_time=9000d&time_zone=Asia/Tokyo&limit=1`;
      const seen: string[] = [];
      let cursor = '';
      do {
        await receivedAfter(new Date(0).toISOString());
        const { status, json } = await ask(`${path}${cursor}`);
        expect([status, json.groups_total, json.range.time_zone]).toEqual([200, 2, 'Asia/Tokyo']);
        seen.push(...json.groups.map(({ group }: Json) => group.event_type));
        cursor = json.next_cursor === null ? '' : `&cursor=${json.next_cursor}`;
      } while (cursor !== '');
      expect(seen.toSorted()).toEqual(['meter.ping', 'meter.read']);
    });

    it('names the filter that left an answer empty', async () => {
      const { json } = await ask(`/reports/lag?source=${source}_never`);
      expect(json).toMatchObject({
        total: null,
        empty: expect.stringContaining(`No event has the source ${source}_never`),
      });
      const { json: timeline } = await ask(`/timeline?entity_id=${source}_nobody`);
      expect(timeline).toMatchObject({ events: [], empty: 'No event of this entity is known.' });
    });

    it('as of a time before all events, there is no series and no gap', async () => {
      const { json } = await ask(`/reports/gaps?${range}&as_of=2000-01-01T00:00:00Z`);
      expect([json.series, json.gaps]).toEqual([[], []]);
    });

    it('compares the versions of a metric with its events', async () => {
      const metric = `metric=daily_event_count&key=meter&start_time=${at(0)}&end_time=${at(48)}`;
      const { json } = await ask(`/reports/gaps?${metric}`);
      expect(json.gaps).toMatchObject([{ state: 'MISSING', windows: 2, cause: 'UNPROCESSED', expected: 96 }]);
      expect(json.gaps[0].findings[0].evidence[0].event_id).toMatch(/^[0-9a-v]{47}$/);
    });

    it.each([
      '/reports/gaps?grain=week',
      '/reports/gaps?time_zone=Mars/Base',
      '/reports/gaps?grain=hour&cadence_ms=7200000',
      '/reports/gaps?by=day',
      '/reports/gaps?metric=daily_event_count',
      '/reports/gaps?key=x',
      '/reports/failures?baseline_from=2024-01-01T00:00:00Z',
      '/reports/completeness?by=hour',
    ])('D38: refuses %s with the field that is at fault', async (path) => {
      const { status, json } = await ask(path);
      expect([status, json.code]).toEqual([422, 'REQUEST_INVALID']);
      expect(json.path).toMatch(/^\//);
    });
  });

  it('completeness: a day that is long past is closed, and all of its events arrived after its end', async () => {
    const { json } = await ask(`/reports/completeness?source=${source}&start_time=${at(0)}&end_time=${at(24)}`);
    expect(json.days).toMatchObject([{ day: '2024-01-01', events: 48, state: 'CLOSED', forecast: null }]);
    expect(json.days[0].arrived[0]).toEqual({ after_ms: 0, share: 0 });
  });

  it('A10: a report has further pages, as of the time of the first one, and its cursor is valid for it alone', async () => {
    const paged = `pages_${unique()}`;
    const record = (n: number) => event({ source: paged, event_type: `type_${n}`, event_time: at(n) });
    await send([record(1), record(1), record(2), record(2), record(3)]);
    const path = (name: string, cursor: string) =>
      `/reports/${name}?source=${paged}&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const { json: whole } = await ask(`/reports/lag?source=${paged}`);
    expect([whole.groups.length, whole.groups_total, whole.next_cursor]).toEqual([3, 3, null]);
    const { json: first } = await ask(path('lag', ''));
    await receivedAfter(first.range.as_of);
    await send([record(4), event({ source: paged, event_type: 'type_1', event_time: at(-500) })]);
    const { json: second } = await ask(path('lag', first.next_cursor));
    expect([...first.groups, ...second.groups]).toEqual(whole.groups);
    const { groups, next_cursor, ...rest } = second;
    expect(first).toMatchObject(rest);
    expect(next_cursor).toBeNull();
    for (const name of ['lag', 'duplicates', 'completeness', 'failures', 'gaps']) {
      const foreign = await ask(`${path(name, first.next_cursor)}&as_of=2030-01-01T00:00:00Z`);
      expect([name, foreign.status, foreign.json.code]).toEqual([name, 400, 'CURSOR_INVALID']);
    }
  });

  describe('failures', () => {
    const failing = `failing_${unique()}`;
    const bad = (rest: Json = {}) => event({ source: failing, event_type: 'bad', event_time: '2024-01-01', ...rest });
    let rejected: Json[];
    beforeAll(async () => {
      const good = Array.from({ length: 6 }, () => event({ source: failing, event_type: 'bad' }));
      rejected = (await send([bad(), bad(), bad({ entity_id: '' }), ...good])).json.results;
    });

    it('equal ones are one row with count, share, lower bound and receipts that read back byte for byte', async () => {
      const { json } = await ask(`/reports/failures?source=${failing}`);
      expect(json).toMatchObject({ receipts: 9, failures: 3, baseline: null, partial: false });
      expect(json.groups).toMatchObject([
        { code: 'TIME_WITHOUT_OFFSET', path: '/event_time', stage: 'admit', count: 2, receipts: 9, is_new: null },
        { code: 'FIELD_INVALID', path: '/entity_id', count: 1, receipts: 9 },
      ]);
      const [first] = json.groups;
      expect(first.share).toBeCloseTo(2 / 9);
      expect(first.share_low).toBeLessThan(first.share);
      expect(first.fingerprint).not.toBe(json.groups[1].fingerprint);
      const sample = await ask(`/receipts/${first.samples[0].pack_id}/${first.samples[0].line}`, {
        accept: 'application/octet-stream',
      });
      expect(JSON.parse(sample.text)).toMatchObject({ source: failing, event_time: '2024-01-01' });
    });

    it('a failure is new if the time before the range did not have it', async () => {
      const soon = new Date(Date.now() + 60_000).toISOString();
      const before = new Date(Date.now() - 3_600_000).toISOString();
      const { json } = await ask(`/reports/failures?source=${failing}&start_time=${before}&end_time=${soon}`);
      expect(json.groups.map(({ is_new }: Json) => is_new)).toEqual([true, true]);
      expect(json.baseline.end_time.slice(0, 19)).toBe(before.slice(0, 19));
    });

    it('are listed by code with the received bytes, and a dry run leaves no trace', async () => {
      // A page may be empty and still have a next one.
      const list = async (query: string) => {
        const found: Json[] = [];
        for (let cursor = ''; ; ) {
          const path = `/rejects?source=${failing}&${query}&limit=1${cursor}`;
          const answered = await ask(path, { accept: 'application/x-ndjson' });
          const lines: Json[] = answered.text
            .trimEnd()
            .split('\n')
            .map((one) => JSON.parse(one));
          const { rejects, next_cursor } = lines.at(-1) as Json;
          found.push(...(rejects ?? lines.slice(0, -1)));
          if (next_cursor === null) return found;
          cursor = `&cursor=${next_cursor}`;
        }
      };
      const [first] = await list('code=TIME_WITHOUT_OFFSET&include=body');
      expect(first).toMatchObject({ kind: 'REJECT', code: 'TIME_WITHOUT_OFFSET', imported: false });
      expect(JSON.parse(first.body)).toMatchObject({ source: failing, event_time: '2024-01-01' });
      expect(await list('code=TIME_WITHOUT_OFFSET')).toHaveLength(2);
      expect(await list('code=FIELD_INVALID')).toHaveLength(1);
      expect(await list('code=JSON_SYNTAX')).toEqual([]);
      const { pack_id, line } = first;
      const body = text(bad({ event_time: '2024-01-02T00:00:00Z' }));
      const attempt = (query: string) =>
        ask(`/rejects/reingest${query}`, { body: text({ receipts: [{ pack_id, line, body }] }) });
      for (const _ of [1, 2])
        expect((await attempt('?dry_run=true')).json.results).toMatchObject([
          { original: { pack_id, line }, result: { status: 'ACCEPTED', raw_key: null } },
        ]);
      expect((await attempt('')).json.results).toMatchObject([{ result: { status: 'ACCEPTED' } }]);
      expect((await attempt('?dry_run=true')).json.results).toMatchObject([{ result: { status: 'DUPLICATE' } }]);
      expect((await attempt('?dry_run=perhaps')).status).toBe(422);
    });

    it('a corrected receipt is a new one that names its original; sent twice it is a repeat', async () => {
      const [original] = rejected;
      const pack_id = receiptPath(original).split('/')[2] as string;
      const mended = text(bad({ event_time: '2024-01-01T00:00:00Z' }));
      const again = () =>
        ask('/rejects/reingest', { body: text({ receipts: [{ pack_id, line: original.line, body: mended }] }) });
      const { json } = await again();
      expect(json.results).toMatchObject([
        { original: { pack_id, line: original.line }, result: { status: 'ACCEPTED', event_id: expect.any(String) } },
      ]);
      const kept = await ask(receiptPath(json.results[0].result), { accept: 'application/json' });
      expect(kept.json).toMatchObject({ reingest_of: { pack_id, line: original.line }, body: mended, imported: false });
      expect((await again()).json.results[0].result.status).toBe('DUPLICATE');
      const story = (await ask(`/events/${json.results[0].result.event_id}`)).json;
      expect(story.findings).toContainEqual(
        expect.objectContaining({ code: 'SENT_AGAIN', evidence: [{ pack_id, line: original.line }] }),
      );
    });

    it('G18: log and index agree on receipts that were sent again', async () => {
      expect(await faultsOf(ask)).toEqual([]);
    });

    it('without a corrected text the same bytes are read again, and invalid requests are refused as a whole', async () => {
      const [original, , , accepted] = rejected;
      const pack_id = receiptPath(original).split('/')[2] as string;
      const same = await ask('/rejects/reingest', { body: text({ receipts: [{ pack_id, line: original.line }] }) });
      expect(same.json.results[0].result).toMatchObject({ status: 'REJECTED', code: 'TIME_WITHOUT_OFFSET' });
      const refuse = async (receipt: Json) =>
        (await ask('/rejects/reingest', { body: text({ receipts: [receipt] }) })).json.code;
      expect(await refuse({ pack_id, line: accepted.line })).toBe('REQUEST_INVALID');
      expect(await refuse({ pack_id, line: 999 })).toBe('RECEIPT_UNKNOWN');
      expect(await refuse({ pack_id: '01890a5d-ac96-774b-bcce-b302099a8057', line: 0 })).toBe('RECEIPT_UNKNOWN');
      expect(await refuse({ pack_id: 'x', line: 0 })).toBe('REQUEST_INVALID');
    });
  });
}
