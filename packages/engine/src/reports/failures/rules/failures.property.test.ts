import { formatEpochMs, packKey, sha256Hex } from '@pik/schema';
import { makeFailureRow } from '@pik/testkit';
import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { FailureRow } from '../../../ports/rows.ts';
import { wilsonLower } from '../../../statistics/statistics.ts';
import type { ReportScope } from '../../rules/report-scope.ts';
import {
  addBaseline,
  addEntryReceipt,
  addFailure,
  addWarning,
  createFailureTallies,
  failureGroups,
  fingerprintOf,
  RANK_Z,
  type WarningTallies,
  warningViews,
} from './failures-report.ts';

// Groups of failures and warnings, compared with lists of their rows.

const START = Date.UTC(2026, 2, 29);
const HOUR = 3_600_000;
const packOf = (no: number) => `019b0000-0000-7000-8000-${String(no).padStart(12, '0')}`;

type Given = Omit<FailureRow, 'expires_ms'>;
const failure: fc.Arbitrary<Given> = fc
  .record({
    kind: fc.constantFrom('REJECT' as const, 'REJECT' as const, 'CONFLICT' as const, 'PROCESSING' as const),
    code: fc.constantFrom('A', 'B'),
    path: fc.constantFrom(null, '/p'),
    detail: fc.constantFrom('one', 'two', null),
    source: fc.constantFrom('s', 't', null),
    event_type: fc.constantFrom('u', 'u', null),
    event_id: fc.constantFrom('e', 'f', null),
    hour: fc.nat(5),
    pack: fc.nat(2),
    line: fc.nat(2),
    metric: fc.constantFrom('m', 'n'),
  })
  .map(({ hour, pack, metric, ...rest }) => ({
    ...{ ...rest, stage: 'admit', pack_id: packOf(pack), received_ms: START + (hour * HOUR) / 2 },
    ...{ entity_hash: null, payload_hash: null },
    window: rest.kind === 'PROCESSING' ? { metric, key: 'k', window_start_ms: START } : null,
  }));
const rowOf = ({ pack_id, ...rest }: Given): FailureRow => makeFailureRow(pack_id, rest);

const scopeOf = (by: ReportScope['by']): ReportScope => ({
  ...{ by, basis: 'received', timeZone: 'Europe/Berlin', start_time: START, end_time: START + 9 * HOUR },
  ...{ asOfMs: START + 9 * HOUR, includeImported: true },
});

const hourOf = (ms: number) => `${formatEpochMs(Math.floor(ms / HOUR) * HOUR).slice(0, 16)}Z`;
/** The known dimensions of a failure. */
const groupOf = (row: Given, by: ReportScope['by']) =>
  Object.fromEntries(
    by.flatMap((name) => {
      const value =
        name === 'hour' ? hourOf(row.received_ms) : name === 'source' || name === 'event_type' ? row[name] : null;
      return value === null ? [] : [[name, value]];
    }),
  );
const keyOf = (row: Given, by: ReportScope['by']) => `${fingerprintOf(row)} ${JSON.stringify(groupOf(row, by))}`;

/** The latest first; of one time those with the least text, then the latest address. */
function latest(rows: readonly Given[]): Given[] {
  const text = ({ event_id, detail }: Given) => `${event_id} ${detail}`;
  return rows.toSorted((a, b) => {
    if (a.received_ms !== b.received_ms) return b.received_ms - a.received_ms;
    if (text(a) !== text(b)) return text(a) < text(b) ? -1 : 1;
    return a.pack_id === b.pack_id ? b.line - a.line : a.pack_id > b.pack_id ? -1 : 1;
  });
}

const by = fc.constantFrom<ReportScope['by']>([], ['source'], ['source', 'event_type'], ['hour'], ['source', 'hour']);

describe('groups of failures', () => {
  it('have the counts, the times, the latest samples and the rate of their rows, the surest first', () => {
    fc.assert(
      fc.property(
        fc.array(failure, { maxLength: 30 }),
        fc.option(fc.array(failure, { maxLength: 6 })),
        fc.array(fc.tuple(fc.constantFrom('s', 't'), fc.nat(5)), { maxLength: 20 }),
        by,
        (rows, baseline, receipts, dimensions) => {
          const scope = scopeOf(dimensions);
          const tallies = createFailureTallies(scope, { groupsMax: 1_000, baseline: baseline !== null });
          for (const row of rows) expect(addFailure(tallies, rowOf(row), 1_000)).toBe(true);
          for (const row of baseline ?? []) addBaseline(tallies, rowOf(row));
          const times = receipts.map(([source, half]) => ({ source, received_ms: START + (half * HOUR) / 2 }));
          for (const { source, received_ms } of times)
            addEntryReceipt(tallies, { source, event_type: 'u' } as never, { received_ms } as never);
          // Rejects are not in slices; other failures are.
          const rejects = rows.filter(({ kind }) => kind === 'REJECT');
          expect([tallies.failures, tallies.total]).toEqual([rows.length, rejects.length + times.length]);
          const whole = times.map((one) => ({ ...one, event_type: 'u' }) as Given);
          const inGroup = (name: object) =>
            [...rejects, ...whole].filter((one) => JSON.stringify(groupOf(one, dimensions)) === JSON.stringify(name))
              .length;
          const timeless = dimensions.filter((name) => name !== 'hour');
          const known = new Set(baseline?.map((row) => keyOf(row, timeless)));
          const expected = [...Map.groupBy(rows, (row) => keyOf(row, dimensions)).values()].map((own) => {
            const sorted = latest(own);
            const [row] = sorted as [Given];
            const name = groupOf(row, dimensions);
            const isNamed = Object.keys(name).length === dimensions.length;
            const all = Math.max(own.length, isNamed ? inGroup(name) : tallies.total);
            const samples = sorted.slice(0, 5);
            return {
              ...{
                fingerprint: fingerprintOf(row),
                kind: row.kind,
                stage: 'admit',
                code: row.code,
                path: row.path,
                detail: row.detail,
              },
              ...{ group: name, count: own.length, receipts: all, share: own.length / all },
              share_low: wilsonLower(own.length, all, RANK_Z),
              first_seen: formatEpochMs(Math.min(...own.map(({ received_ms }) => received_ms))),
              last_seen: formatEpochMs(row.received_ms),
              is_new: baseline === null ? null : !known.has(keyOf(row, timeless)),
              samples: samples
                .filter(({ kind, event_id }) => kind !== 'PROCESSING' || event_id !== null)
                .map(({ pack_id, line, received_ms, event_id }) => ({
                  ...{ pack_id, line, event_id, raw_key: packKey(pack_id), received_at: formatEpochMs(received_ms) },
                })),
              windows: samples.flatMap(({ window, event_id }) =>
                window === null
                  ? []
                  : [{ metric: window.metric, key: 'k', window_start: formatEpochMs(START), event_id }],
              ),
            };
          });
          const found = failureGroups(tallies);
          expect(found).toHaveLength(expected.length);
          for (const one of expected)
            expect(
              found.find(
                ({ fingerprint, group }) =>
                  fingerprint === one.fingerprint && JSON.stringify(group) === JSON.stringify(one.group),
              ),
            ).toEqual(one);
          const ranks = found.map(({ share_low, count }) => [share_low, count] as const);
          for (const [i, [low, count]] of ranks.entries()) {
            const [nextLow, nextCount] = ranks[i + 1] ?? [-1, -1];
            expect(low > nextLow || (low === nextLow && count >= nextCount)).toBe(true);
          }
        },
      ),
      runs(200),
    );
  });

  it('are as many as there is room for', () => {
    const tallies = createFailureTallies(scopeOf([]), { groupsMax: 1, baseline: false });
    const row = makeFailureRow(packOf(1), { code: 'A' });
    expect([row, { ...row, code: 'B' }, row].map((one) => addFailure(tallies, one, 1))).toEqual([true, false, true]);
    expect([tallies.failures, tallies.found.size]).toEqual([3, 1]);
  });

  it('are equal by stage, code and path, and for a window also by its metric', () => {
    const one = { stage: 'admit', code: 'A', path: null, window: null };
    expect(fingerprintOf(one)).toBe(sha256Hex('["admit","A",null]').slice(0, 16));
    const window = { metric: 'm', key: 'k', window_start_ms: 5 };
    expect(fingerprintOf({ ...one, window })).toBe(sha256Hex('["admit","A",null,"m"]').slice(0, 16));
  });
});

describe('warnings', () => {
  it('have the sum of their receipts and their latest row, most receipts first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(failure, fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined })), { maxLength: 20 }),
        (all) => {
          const warnings: WarningTallies = new Map();
          const rows = all.map(([row, receipts], no) => ({
            ...rowOf({ ...row, line: no }),
            ...(receipts === undefined ? {} : { receipts }),
          }));
          for (const row of rows) expect(addWarning(warnings, row, 100)).toBe(true);
          const textOf = ({ code, path, source, event_type }: FailureRow) =>
            JSON.stringify([code, path, source, event_type]);
          const groups = [...Map.groupBy(rows, textOf)];
          const expected = groups.map(([text, own]) => {
            const sorted = own.toSorted((a, b) => a.received_ms - b.received_ms);
            const { code, path, detail, source, event_type, pack_id, line, event_id, received_ms } = sorted.at(
              -1,
            ) as FailureRow;
            return {
              text,
              ...{ code, path, detail, source, event_type, last_seen: formatEpochMs(received_ms) },
              receipts: own.reduce((sum, { receipts = 1 }) => sum + receipts, 0),
              first_seen: formatEpochMs(sorted[0]?.received_ms ?? 0),
              sample: { pack_id, line, event_id, raw_key: packKey(pack_id) },
            };
          });
          expected.sort((a, b) => b.receipts - a.receipts || (a.text < b.text ? -1 : 1));
          expect(warningViews(warnings)).toEqual(expected.map(({ text: _, ...view }) => view));
          const full: WarningTallies = new Map();
          expect(rows.filter((row) => !addWarning(full, row, 1))).toHaveLength(
            rows.filter((row) => textOf(row) !== textOf(rows[0] ?? row)).length,
          );
        },
      ),
      runs(200),
    );
  });
});
