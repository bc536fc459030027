import { LIMITS, type Monitor, sha256Hex } from '@pik/schema';
import { makeIncidentRow } from '@pik/testkit';
import { seeded } from '@pik/testkit/fixtures/seeded';
import { describe, expect, it } from 'vitest';

import { alertOf, claimed, isDone, nextMessage, released, settled } from '../../src/monitors/rules/alert.ts';
import { cutSentence, type Finding, linkOf } from '../../src/monitors/rules/finding.ts';
import { type Check, retire, stepMonitor } from '../../src/monitors/rules/step.ts';
import { incidentView, monitorView } from '../../src/monitors/rules/views.ts';
import { runbookOf, watchesText } from '../../src/monitors/rules/words.ts';
import type { IncidentRow, MonitorRow, SentRow } from '../../src/ports/monitor-store.ts';
import { pins } from '../support/pinned.ts';

// Incidents check by check, with every field of their rows and views: any change of a state, a time or a word shows.
// `watch.property.test.ts` says what must hold over store, process and sinks.

const expectPinned = pins('pinned-incidents.json');
const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 1);

const digestOf = (value: unknown) => sha256Hex(JSON.stringify(value)).slice(0, 12);

const findingOf = (subject: string, no: number): Finding => ({
  subject,
  group: { source: subject },
  sentence: `${subject} is late, check ${no}.`,
  since: no % 3 === 0 ? null : `2026-01-01T00:0${no % 10}:00.000000000Z`,
  command: `pik lag --source ${subject} --as-of ${no}`,
  page: { path: '/lag', fields: { source: subject, no: `${no}`, none: undefined } },
});

/** A check of a random history: some subjects are late, the judgement fails, or is of a part only. */
function checkOf(random: () => number, { no, monitor }: { no: number; monitor: Monitor }): Check {
  const [nowMs, fault] = [START + no * MINUTE, random() < 0.15 ? 'INDEX_UNAVAILABLE: x' : null];
  const late = ['a', 'b', 'c'].filter(() => random() < 0.4);
  const isWhole = random() < 0.8;
  const judgement = {
    findings: late.map((subject) => findingOf(subject, no)),
    isOver: (subject: string) => isWhole || subject === 'c',
  };
  return {
    ...{ monitor, nowMs, fault, judgement: fault === null ? judgement : null, sinks: ['ops', 'am'] },
    ...{ consoleUrl: no % 2 === 0 ? 'https://kit.example//' : null, runbook: `https://runbook/${no}` },
    newId: () => `id-${no}-${Math.floor(random() * 1e6)}`,
  };
}

/** The sinks take or refuse what is due. */
function delivered(row: MonitorRow, random: () => number, nowMs: number): MonitorRow {
  const deliver = (incident: IncidentRow, { sink }: SentRow): IncidentRow => {
    const sent = incident.sent.find((one) => one.sink === sink);
    const state = sent === undefined ? null : nextMessage(incident, sent, row.muted !== null);
    const taken = state === null ? null : claimed(incident, sink, nowMs);
    if (taken === null || state === null) return incident;
    const [fault, isFinal] = [random() < 0.5 ? 'refused' : null, random() < 0.2];
    return settled(taken, { sink, state, fault, isFinal, refreshMs: random() < 0.3 ? 5 * MINUTE : null, nowMs });
  };
  const incidents = row.incidents.map((incident) => incident.sent.reduce(deliver, incident));
  return { ...row, incidents: incidents.filter((incident) => !isDone(incident)) };
}

const MONITORS: readonly Monitor[] = [
  { name: 'm', kind: 'lag', p95_ms_max: 1 },
  { name: 'm', kind: 'failures', hold_off_ms: 2 * MINUTE, resolve_after_ms: 3 * MINUTE, severity: 'critical' },
  { name: 'm', kind: 'gaps', resolve_after_ms: 0, source: 'a' },
];

describe('a monitor', () => {
  it.each(MONITORS.flatMap((monitor) => [1, 2, 3, 4].map((seed) => [monitor, seed] as const)))(
    '%j, history %i',
    (monitor, seed) => {
      const random = seeded(seed);
      let row: MonitorRow | null = null;
      const digests: string[] = [];
      for (let no = 0; no < 20; no++) {
        const nowMs = START + no * MINUTE;
        row = stepMonitor(row, checkOf(random, { no, monitor }));
        if (seed % 2 === 0 && no === 8)
          row = { ...row, muted: { until_ms: nowMs + 4 * MINUTE, by: 'me', reason: 'a test' } };
        row = delivered(row, random, nowMs);
        digests.push(digestOf([row, monitorView(row, nowMs)]));
      }
      expectPinned(`${monitor.kind} ${seed}`, { digests, last: row });
      expectPinned(
        `${monitor.kind} ${seed} retired`,
        row === null ? null : digestOf(retire(row, START + 100 * MINUTE)),
      );
    },
  );

  it('has room for no more incidents than the most, and says how many it left out', () => {
    const findings = Array.from({ length: LIMITS.monitor_incidents_max + 2 }, (_, no) => findingOf(`s${no}`, no));
    const check = { ...checkOf(seeded(1), { no: 0, monitor: MONITORS[0] as Monitor }), fault: null };
    const row = stepMonitor(null, { ...check, judgement: { findings, isOver: () => false } });
    expect([row.incidents.length, row.left_out]).toEqual([LIMITS.monitor_incidents_max, 2]);
    const again = stepMonitor(row, { ...check, judgement: { findings, isOver: () => false } });
    expect([again.incidents.length, again.left_out]).toEqual([LIMITS.monitor_incidents_max, 2]);
    const failed = stepMonitor(row, { ...check, judgement: null, fault: 'C' });
    expect([failed.incidents, failed.left_out, failed.fault, failed.checked_ms]).toEqual([
      row.incidents,
      2,
      'C',
      START,
    ]);
  });
});

const sentRow = (rest: Partial<SentRow> = {}): SentRow => ({
  sink: 'ops',
  notified: 'NONE',
  tries: 0,
  next_ms: 0,
  fault: null,
  ...rest,
});

describe('a message', () => {
  it.each(
    (['PENDING', 'FIRING', 'RESOLVED'] as const).flatMap((state) =>
      (['NONE', 'FIRING', 'RESOLVED'] as const).flatMap((notified) =>
        [true, false].map((is_due) => [state, notified, is_due] as const),
      ),
    ),
  )('of an incident that is %s, to a sink that knows %s, due: %s', (state, notified, is_due) => {
    const sent = sentRow({ notified });
    const incident = makeIncidentRow('i', { state, is_due, sent: [sent] });
    const next = [false, true].map((isMuted) => nextMessage(incident, sent, isMuted));
    expectPinned(`message ${state} ${notified} ${is_due}`, [
      ...next,
      isDone(incident),
      isDone({ ...incident, sent: [] }),
    ]);
  });

  it('is tried after pauses that double up to the longest, and given up after the most tries', () => {
    const pauses: number[] = [];
    let incident = makeIncidentRow('i', {
      state: 'FIRING',
      is_due: true,
      sent: [sentRow(), sentRow({ sink: 'am', tries: 5, next_ms: 7 })],
    });
    let nowMs = START;
    for (let no = 1; ; no++) {
      const taken = claimed(incident, 'ops', nowMs);
      if (taken === null) throw new Error('no attempt was begun');
      const [own] = taken.sent;
      // No other attempt meanwhile, not even by a sink that does not exist.
      expect([claimed(taken, 'ops', (own?.next_ms ?? 0) - 1), claimed(taken, 'none', nowMs)]).toEqual([null, null]);
      pauses.push((own?.next_ms ?? 0) - nowMs);
      incident = settled(taken, { sink: 'ops', state: 'FIRING', fault: 'f', isFinal: false, refreshMs: null, nowMs });
      expect(incident.sent[1]).toEqual(sentRow({ sink: 'am', tries: 5, next_ms: 7 }));
      if (incident.sent[0]?.notified === 'FIRING') break;
      expect(released(incident).sent.map(({ next_ms }) => next_ms)).toEqual([0, 0]);
      nowMs = own?.next_ms ?? 0;
      expect(no).toBeLessThan(LIMITS.alert_tries_max);
    }
    expect(pauses).toHaveLength(LIMITS.alert_tries_max);
    expect(pauses.slice(0, 4)).toEqual([30_000, 60_000, 120_000, 240_000]);
    expect(Math.max(...pauses)).toBe(LIMITS.alert_retry_ms_max);
    expect(incident.sent[0]).toEqual(sentRow({ notified: 'FIRING', fault: 'given up: f' }));
    expect(released(makeIncidentRow('i', { sent: [sentRow({ next_ms: 5 })] })).sent).toEqual([sentRow({ next_ms: 5 })]);
  });

  it('has the key of its incident, its times, and how long it lasted', () => {
    const incident = makeIncidentRow('i', {
      state: 'FIRING',
      sentence: 'Late.',
      seen_ms: START,
      fired_ms: null,
      resolved_ms: null,
    });
    const over = { ...incident, state: 'RESOLVED' as const, fired_ms: START + MINUTE, resolved_ms: START + 150_000 };
    for (const state of ['FIRING', 'RESOLVED'] as const)
      expectPinned(
        `alert ${state}`,
        [incident, over].map((one) => [alertOf(one, state), incidentView(one)]),
      );
  });
});

it('a link has the known fields of its page, and a sentence is cut to what an alert may have', () => {
  const page = { path: '/lag', fields: { source: 'a b&c', none: undefined, as_of: '2026-01-01T00:00:00Z' } };
  expect(linkOf(null, page)).toBeNull();
  for (const url of ['https://kit.example', 'https://kit.example/', 'https://kit.example/x//'])
    expect(linkOf(url, page)).toBe(`${url.replace(/\/+$/, '')}/ui/lag?source=a+b%26c&as_of=2026-01-01T00%3A00%3A00Z`);
  const long = 'x'.repeat(LIMITS.alert_chars_max);
  expect(cutSentence(long)).toBe(long);
  expect(cutSentence(`${long}y`)).toBe(`${long.slice(1)}…`);
});

it('a monitor says when it rings and where the instructions are', () => {
  const rest = { name: 'm', metric: 'orders', key: 'shop', p95_ms_max: 1, above: 1 } as const;
  for (const kind of ['silence', 'gaps', 'lag', 'completeness', 'duplicates', 'failures', 'drift', 'metric'] as const)
    for (const more of [{}, { source: 's' }, { event_type: 't' }, { source: 's', after_ms: 90 * MINUTE }]) {
      const monitor = { ...rest, ...more, kind } as unknown as Monitor;
      expectPinned(`words ${kind} ${JSON.stringify(more)}`, [
        watchesText(monitor),
        runbookOf(monitor),
        runbookOf({ kind, runbook: 'r' }),
      ]);
    }
});
