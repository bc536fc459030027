import type { DuplicatesReport, FailuresReport, LagReport } from '@pik/schema';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';

import { pageHtml, viewHtml } from './html.ts';
import { chartSvg } from './pictures.ts';
import { viewText } from './text.ts';
import type { View } from './view.ts';
import { duplicatesView } from './views/duplicates.ts';
import { failuresView } from './views/failures.ts';
import { lagView } from './views/lag.ts';

// Caller text never becomes markup, steers a terminal, or gets lost, in any form.

const next = (cursor: string) => `--cursor ${cursor}`;
const ALL = { rowsMax: 1_000, fullAnswer: 'there is more', next };

const figures = {
  count: 3,
  min_ms: 0,
  p10_ms: 1_000,
  p50_ms: 60_000,
  p90_ms: 7_200_000,
  p95_ms: 7_200_000,
  p99_ms: 7_200_000,
  max_ms: 90_000_000,
  mean_ms: 60_000,
  late_count: 1,
  future_count: 0,
  delay_share: 0.5,
};
const range = {
  start_time: null,
  end_time: null,
  as_of: '2022-01-01T00:00:00.000000000Z',
  basis: 'event',
  include_imported: true,
  time_zone: 'UTC',
} as const;

function lagOf(names: readonly string[], time: Partial<{ hour: string; day: string }>): LagReport {
  return {
    range,
    covered: null,
    late_over_ms: 7_200_000,
    total: figures,
    details: null,
    groups: names.map((source) => ({ group: { source, ...time }, figures, details: null, findings: [] })),
    groups_total: names.length,
    worst: [],
    next_cursor: null,
    partial: false,
    notes: [],
  };
}

const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  ']]></svg><script>1</script>',
  '&amp;<!--',
  "' onload='x",
  '\u202egnp.exe',
  'line\u2028line',
  '日本 🌋',
];
const name = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }));
const names = fc.uniqueArray(name, { minLength: 1, maxLength: 8 });
const hour = { hour: '2022-01-01T05:00Z' };

const XML_TOKEN =
  /<(\/?)([A-Za-z]+)((?:\s+[\w:-]+="(?:[^"<&]|&(?:quot|amp|lt|gt|apos|#\d+);)*")*)\s*(\/?)>|(?:[^<&]|&(?:quot|amp|lt|gt|apos|#\d+);)+/y;

/** A standalone SVG is XML, which tolerates no errors. */
function expectWellFormed(svg: string): void {
  expect(svg).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202e\u2028\ufffe\uffff]|\]\]>/);
  const open: string[] = [];
  let at = 0;
  while (at < svg.length) {
    XML_TOKEN.lastIndex = at;
    const token = XML_TOKEN.exec(svg);
    if (token === null) throw new Error(`not XML: ${svg.slice(at, at + 80)}`);
    at = XML_TOKEN.lastIndex;
    const [, end, tag, , empty] = token;
    if (tag === undefined) continue;
    if (end === '/') expect(open.pop()).toBe(tag);
    else if (empty !== '/') open.push(tag);
  }
  expect(open).toEqual([]);
}

function views(all: readonly string[]): View[] {
  return [lagView(lagOf(all, hour), ALL), lagView(lagOf(all, {}), ALL)];
}

describe('security: texts of callers', () => {
  it('are text in a chart, whatever they contain', () => {
    fc.assert(
      fc.property(names, (all) => {
        for (const { charts } of views(all))
          for (const svg of charts.map(chartSvg)) {
            const { document } = parseHTML(`<!DOCTYPE html><body>${svg}</body>`);
            expect(document.querySelectorAll('body > *')).toHaveLength(1);
            expect(document.querySelectorAll('script, img, foreignObject, a, image, use')).toHaveLength(0);
            for (const node of document.querySelectorAll('svg *'))
              for (const { name: attribute } of node.attributes) expect(attribute).not.toMatch(/^on|href/);
            expectWellFormed(svg);
          }
      }),
      runs(60),
    );
  });

  it('are text in an HTML table, with the characters that are printed elsewhere', () => {
    fc.assert(
      fc.property(names, (all) => {
        const [view] = views(all) as [View];
        const { document } = parseHTML(`<!DOCTYPE html><body>${viewHtml(view)}</body>`);
        const tags = new Set([...document.querySelectorAll('body *')].map(({ localName }) => localName));
        expect([...tags].filter((tag) => !/^(div|p|table|thead|tbody|tr|th|td)$/.test(tag))).toEqual([]);
        const cells = [...document.querySelectorAll('tbody td:first-child')].map(({ textContent }) => textContent);
        expect(cells).toHaveLength(all.length + 1);
      }),
      runs(60),
    );
  });

  it('steer no terminal', () => {
    fc.assert(
      fc.property(names, (all) => {
        for (const view of views(all))
          expect(viewText(view)).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      }),
      runs(60),
    );
  });
});

describe('a report', () => {
  it('is self-contained: no scripts, nothing external, and a policy that says so', () => {
    const view = lagView(lagOf(HOSTILE, hour), ALL);
    const page = pageHtml(view, { svgs: view.charts.map(chartSvg), footer: 'made by a test' });
    const { document } = parseHTML(page);
    expect(document.querySelectorAll('script, link, iframe, object, embed')).toHaveLength(0);
    expect(document.querySelectorAll('[src], [href]')).toHaveLength(0);
    expect(page).not.toMatch(/url\(|@import/);
    expect(document.querySelector('meta[http-equiv="Content-Security-Policy"]')?.getAttribute('content')).toBe(
      "default-src 'none'; style-src 'unsafe-inline'",
    );
    expect(document.querySelectorAll('svg')).toHaveLength(1);
  });

  it('states the rows that its tables leave out', () => {
    const many = Array.from({ length: 12 }, (_, i) => `s${i}`);
    expect(viewText(lagView(lagOf(many, {}), { ...ALL, rowsMax: 5 }))).toContain('and 7 more groups (there is more)');
    expect(viewText(lagView(lagOf(many, {}), { ...ALL, rowsMax: 11 }))).toContain('and 1 more group (');
    expect(viewText(lagView(lagOf(many, {}), ALL))).not.toContain('a page of');
    const page = { ...lagOf(many, {}), groups_total: 1_300, next_cursor: 'eyJ' };
    expect(viewText(lagView(page, ALL))).toContain('a page of 1,300 groups; next page: --cursor eyJ');
  });

  it('that is empty says so, and names the filter that left nothing', () => {
    const none = { ...lagOf([], {}), total: null, empty: 'No event has the source a; there are b.' };
    expect(viewText(lagView(none, ALL))).toBe(
      'No first arrivals in this range. No event has the source a; there are b.',
    );
    const repeats: DuplicatesReport = {
      range,
      covered: null,
      total: null,
      groups: [],
      groups_total: 0,
      storms: [],
      worst: [],
      worst_total: 0,
      next_cursor: null,
      partial: false,
      notes: [],
    };
    expect(viewText(duplicatesView(repeats, ALL))).toBe('No receipts in this range.');
  });

  it('of failures lists warnings separately, even if nothing failed, and omits them if there are none', () => {
    const sample = { pack_id: 'p', line: 3, raw_key: 'r', event_id: null };
    const seen = { first_seen: '2026-01-01T00:00:00.000000000Z', last_seen: '2026-01-02T00:00:00.000000000Z' };
    const report: FailuresReport = {
      ...{ range, baseline: null, receipts: 9, failures: 0, groups: [], groups_total: 0, next_cursor: null },
      ...{ partial: false, notes: [], covered: null },
      receipts_covered: { basis: 'received', start_time: null, end_time: null, divided_days: [] },
      warnings: [
        {
          code: 'UNKNOWN_FIELD',
          path: '/x',
          detail: 'x is not a field',
          source: 'shop',
          event_type: null,
          receipts: 7,
          sample,
          ...seen,
        },
      ],
    };
    const shown = viewText(failuresView(report, ALL));
    for (const part of ['Warnings', 'shop', 'UNKNOWN_FIELD', 'x is not a field', '7', 'p/3'])
      expect(shown).toContain(part);
    expect(viewText(failuresView({ ...report, warnings: [] }, ALL))).not.toContain('Warnings');
  });
});
