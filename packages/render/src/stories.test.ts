import type { ChangeExplanation, EventExplanation, FailuresReport, GapsReport } from '@pik/schema';
import { describe, expect, it } from 'vitest';

import { viewHtml } from './html.ts';
import { viewText } from './text.ts';
import type { View } from './view.ts';
import { changeView } from './views/change.ts';
import { completenessView } from './views/completeness.ts';
import { duplicatesView } from './views/duplicates.ts';
import { eventView } from './views/event.ts';
import { failuresView } from './views/failures.ts';
import { gapsView } from './views/gaps.ts';
import { lagView } from './views/lag.ts';

// Every form shows the names in an answer: failed windows, causes with their shares, the event that decides a value.

const OPTIONS = { rowsMax: 20, fullAnswer: 'there is more', next: (cursor: string) => cursor };
const TIME = '2026-01-05T00:00:00.000000000Z';
const RANGE = { start_time: null, end_time: null, as_of: TIME, include_imported: false, time_zone: 'UTC' } as const;

/** Both forms of a view, without markup and layout. */
function formsOf(view: View): string[] {
  const html = viewHtml(view).replace(/<[^>]*>/g, ' ');
  return [viewText(view, { columns: 400 }), html].map((form) => form.replace(/\s+/g, ' '));
}

function gapsReport(findings: GapsReport['gaps'][number]['findings']): GapsReport {
  const cause = (findings[0]?.code ?? null) as GapsReport['gaps'][number]['cause'];
  const gap = { state: 'MISSING', kind: 'OUTAGE', text: 'text', start_time: TIME, end_time: TIME } as const;
  return {
    range: { ...RANGE, basis: 'event' },
    gaps: [{ ...gap, series: { source: 'shop' }, windows: 20, count: 0, expected: 40, cause, findings }],
    ...{ grain: 'hour', time_zone: 'UTC', cadence_ms: null, series: [], gaps_total: 1, next_cursor: null },
    ...{ partial: false, notes: [] },
  } as unknown as GapsReport;
}

const found = (code: string, by_this: number) => ({
  code,
  text: `${code} text`,
  explains: { missing: 40, by_this, share: by_this / 40 },
});

describe('an event that does not exist', () => {
  it('is reported once, with the related findings', () => {
    const missing = { code: 'NO_RECEIPT', text: 'Nothing of it came.', evidence: [] };
    const other = { code: 'REJECTED', text: 'One was rejected.', evidence: [] };
    const none = { event: null, outcome: null, rule: null, lateness: null, bytes: null };
    const lists = { deliveries: [], versions: [], replays: [], findings: [other, missing] };
    const view = eventView({ found: false, summary: missing.text, ...none, ...lists } as unknown as EventExplanation);
    for (const form of formsOf(view)) {
      expect(form.split('Nothing of it came.')).toHaveLength(2);
      expect(form).toContain('REJECTED: One was rejected.');
    }
  });
});

describe('a gap', () => {
  it('shows its causes with their shares if there are several, and the text of the first', () => {
    const unread = { code: 'REJECTED_UNREADABLE', text: 'unread' };
    for (const form of formsOf(
      gapsView(gapsReport([found('ALL_SILENT', 39), found('REJECTED', 1), unread]), OPTIONS),
    )) {
      expect(form).toContain('ALL_SILENT 97.5 %, REJECTED 2.5 %');
      expect(form).toContain('ALL_SILENT text');
    }
    const one = formsOf(gapsView(gapsReport([found('REJECTED', 40), found('SOURCE_WIDE', 0)]), OPTIONS));
    for (const form of one) expect(form).not.toContain('%');
  });
});

describe('a failed window', () => {
  const group: FailuresReport['groups'][number] = {
    ...{ fingerprint: 'f', kind: 'PROCESSING', stage: 'process', code: 'AGGREGATE_FAILED', path: null },
    ...{ detail: 'revenue, key ben, window 2026-01-05: finish threw', group: {}, count: 1, receipts: 9, share: 0.1 },
    ...{ share_low: 0.01, first_seen: TIME, last_seen: TIME, is_new: null, samples: [] },
    windows: [{ metric: 'revenue', key: 'ben', window_start: TIME, event_id: null }],
  };
  const report = (one: typeof group) =>
    ({ groups: [one], groups_total: 1, warnings: [], notes: [], next_cursor: null, receipts: 9, failures: 1 }) as never;

  it('is shown with its window, and with the receipt of the event at fault if there is one', () => {
    for (const form of formsOf(failuresView(report(group), OPTIONS)))
      expect(form).toContain('revenue ben 2026-01-05T00:00:00Z');
    const samples = [{ pack_id: 'pack', line: 7, raw_key: 'key', received_at: TIME, event_id: 'event' }];
    for (const form of formsOf(failuresView(report({ ...group, samples }), OPTIONS))) expect(form).toContain('pack/7');
  });
});

describe('a change', () => {
  const event = { source: 'app', event_type: 'ride', entity_id: 'e', event_time: TIME, received_at: TIME };
  const decided_by: ChangeExplanation['decided_by'] = {
    before: { ...event, event_id: 'the one before', side: 'WENT', class: 'EXPIRED', lag_ms: 0 },
    after: { ...event, event_id: 'the one now', side: 'BOTH', class: null, lag_ms: 36_000_000 },
  };
  const side = { value: 1, version: 1, kind: 'VERSION', input_count: 1, as_of: TIME, definition_version: 1 };
  const whole = { ...side, definition_hash: 'abcdefabcdef', window_start: TIME, window_end: TIME, time_zone: 'UTC' };
  const change = (rest: Partial<ChangeExplanation>) =>
    ({
      ...{ metric: 'largest', key: 'all', window_start: TIME, sentence: 'sentence', exact: true, notes: [], delta: 0 },
      ...{ before: whole, after: whole, classes: [], units: null, events: [], waterfall: [], decided_by: null },
      ...{ events_total: 0, next_cursor: null, attribution: 'WHOLE', why_not_exact: null, ...rest },
    }) as unknown as ChangeExplanation;

  it('shows the event that decides the value, and the previous one', () => {
    for (const form of formsOf(changeView(change({ decided_by }), OPTIONS))) {
      expect(form).toMatch(/before app ride e 2026-01-05T00:00:00Z .*went: EXPIRED the one before/);
      expect(form).toMatch(/after app ride e 2026-01-05T00:00:00Z 10 h still there the one now/);
    }
    for (const form of formsOf(changeView(change({}), OPTIONS))) expect(form).not.toContain('decided by');
  });

  it('shows the command that compares late inputs with the others, as a shell takes it', () => {
    const compare = { where: `entity_id == "o'brien"`, a: `received_at >= ${TIME}`, end_time: TIME };
    const shown = viewText(changeView(change({ compare }), OPTIONS), { columns: 400 });
    const argument = `'entity_id == "o'\\''brien"'`;
    expect(shown).toContain(`pik compare --where ${argument} --a 'received_at >= ${TIME}' --to ${TIME}`);
    expect(viewText(changeView(change({}), OPTIONS))).not.toContain('pik compare');
  });

  it('shows the lags of the inputs that changed the value', () => {
    const part = {
      class: 'LATE',
      contribution: 1,
      came: 2,
      went: 0,
      lag_min_ms: 0,
      lag_max_ms: 90_000_000,
      dimensions: [],
    };
    const classes = [{ ...part, changing: { inputs: 1, lag_min_ms: 36_000_000, lag_max_ms: 36_000_000 } }] as never;
    const waterfall = [{ step: 'LATE', contribution: 1, value: 2 }] as never;
    for (const form of formsOf(changeView(change({ classes, waterfall }), OPTIONS))) {
      expect(form).toContain('10 h');
      expect(form).not.toContain('1 d 1 h');
    }
  });
});

describe('a report that was cut', () => {
  const covered = {
    basis: 'event',
    start_time: null,
    end_time: '2026-01-07T00:00:00.000000000Z',
    divided_days: ['2026-01-06'],
  } as const;
  const cut = { covered, receipts_covered: null, next_cursor: 'c1', partial: true, notes: ['it takes too long'] };
  const none = {
    total: null,
    groups: [],
    groups_total: 0,
    worst: [],
    worst_total: 0,
    storms: [],
    days: [],
    days_total: 0,
  };
  const empty = { ...none, gaps: [], gaps_total: 0, series: [], warnings: [], grain: 'hour', time_zone: 'UTC', ...cut };
  const views: [string, (report: never) => View][] = [
    ['lag', (report) => lagView(report, OPTIONS)],
    ['duplicates', (report) => duplicatesView(report, OPTIONS)],
    ['completeness', (report) => completenessView(report, OPTIONS)],
    ['failures', (report) => failuresView(report, OPTIONS)],
    ['gaps', (report) => gapsView(report, OPTIONS)],
  ];

  it.each(views)('of %s states its covered part and that the next page continues, even if it is empty', (_, view) => {
    for (const form of formsOf(view(empty as never))) {
      expect(form).toContain(
        'event times from the start of the range to 2026-01-07T00:00:00Z, and a part of 2026-01-06',
      );
      expect(form).toContain('the next page has the rest');
      expect(form).toContain('c1');
      expect(form).toContain('it takes too long');
    }
  });

  it('that is the last part says so, and a complete report says nothing', () => {
    const last = { ...empty, next_cursor: null, covered: { ...covered, start_time: TIME, end_time: null } };
    for (const form of formsOf(lagView(last as never, OPTIONS))) expect(form).toContain('to its end');
    const whole = { ...empty, covered: null, next_cursor: null, notes: [] };
    for (const [, view] of views)
      for (const form of formsOf(view(whole as never))) expect(form).not.toMatch(/event times|the rest/);
  });

  it('names the two covered ranges of failures and receipts', () => {
    const received = { ...covered, basis: 'received', divided_days: [] };
    const report = { ...empty, covered: received, receipts_covered: covered };
    for (const form of formsOf(failuresView(report as never, OPTIONS))) {
      expect(form).toContain('failures: receive times from');
      expect(form).toContain('receipts: event times from');
    }
  });
});

describe('the story of an event that ended early', () => {
  it('lists what was not looked at', () => {
    const story = {
      ...{ summary: 'It came.', event: null, bytes: null, deliveries: [], versions: [], replays: [] },
      findings: [],
    };
    const notes = ['not looked at: its bytes in the log'];
    for (const form of formsOf(eventView({ ...story, partial: true, notes } as never)))
      expect(form).toContain('not looked at: its bytes in the log');
  });
});
