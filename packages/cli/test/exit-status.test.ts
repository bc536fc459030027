import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { defineAggregate } from '@pik/aggregates';
import { answerHash, caseHtml } from '@pik/console';
import { ERRORS, type ErrorCode, KitError, QUESTIONS } from '@pik/schema';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { EXIT, EXIT_MEANINGS, exitOf } from '../src/exit-status.ts';
import { createProgram } from '../src/program.ts';
import { eventText, fileOf, type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

const DAY = '2026-02-01';
const metric = ['--metric', 'daily_event_count', '--key', 'parcel-1'];
const window = ['--window', DAY];
const selected = ['--entity', 'parcel-1', '--from', `${DAY}T00:00:00Z`, '--to', '2026-02-02T00:00:00Z'];

const good = fileOf(eventText());
const bad = fileOf(`${eventText()}\n{"source":"depot"}\n`);

/** A case whose only question is whether the server is there. */
function caseOf(answer: object): string {
  const asked = { question: 'healthz', path: 'healthz', asked_at: DAY, as_of: null, note: '' } as const;
  const pins = [{ ...asked, answer, answer_sha256: answerHash(answer) }];
  return fileOf(caseHtml({ format: 'pik-case-1', title: 'a case', server: '', exported_at: DAY, pins }), 'case.html');
}

/** A command with its arguments, for each possible answer. */
interface Cases {
  readonly yes: readonly string[] | null;
  readonly no: readonly string[] | null;
  /** Unusable arguments, besides an unknown option. */
  readonly usage?: readonly string[];
}

/**
 * `yes` runs against a kit with one event and no problems, `no` against a kit with rejects, conflicts, gaps and dead
 * letters.
 */
const CASES: Record<string, Cases> = {
  // commands.e2e.test.ts covers their successful ends, and those of `rebuild`: they need processes.
  // stores.test.ts covers these.
  export: { yes: [`${fileOf('')}.parquet`, '--parquet'], no: null, usage: ['out.parquet'] },
  // deliver.test.ts covers its ends.
  deliver: {
    yes: [`file:${fileOf('')}`, '--entity', 'nobody', '--dry-run'],
    no: null,
    usage: ['ftp://x', '--entity', 'e', '--dry-run'],
  },
  reconcile: { yes: [fileOf('')], no: null, usage: ['--grace', 'x'] },
  mcp: { yes: null, no: null, usage: ['more'] },
  serve: { yes: null, no: null, usage: ['--port', 'x'] },
  // demo.e2e.test.ts covers it.
  demo: { yes: null, no: null, usage: ['--limit', '0'] },
  rebuild: { yes: null, no: null },
  // compact.e2e.test.ts covers it: it needs directories.
  compact: { yes: null, no: null, usage: ['--since', 'soon'] },
  // erase.e2e.test.ts covers it: it needs directories.
  erase: { yes: null, no: null, usage: ['--receipt', 'none'] },
  // backup.e2e.test.ts covers these.
  backup: { yes: null, no: null },
  restore: { yes: null, no: null },
  // prove.e2e.test.ts covers these.
  'log export': { yes: null, no: null, usage: ['--out', 'x', '--from', 'soon'] },
  'log rotate': { yes: null, no: null },
  'log replace-key': { yes: null, no: null },
  'log restore': { yes: null, no: null },
  witness: { yes: null, no: null, usage: ['--name', 'w', '--log', 'x'] },
  'case export': { yes: null, no: ['0'.repeat(47), '--out', '/nowhere'], usage: ['x', '--out', '/nowhere'] },
  // outbox.e2e.test.ts covers these: they need outboxes.
  'outbox list': { yes: null, no: null },
  'outbox drain': { yes: null, no: null, usage: [dirname(fileOf(''))] },
  // doors/taps.e2e.test.ts covers these: they need servers.
  'tap postgres': { yes: null, no: null, usage: ['--from', 'x'] },
  'tap redis': { yes: null, no: null, usage: ['--stream', 's', '--map', 'm', '--source', 's'] },
  'tap nats': { yes: null, no: null, usage: ['--stream', 's', '--map', '/nowhere.ts'] },
  'tap rabbitmq': { yes: null, no: null, usage: [] },
  'tap sqs': { yes: null, no: null, usage: [] },
  // profiles.test.ts covers these: they need a folder of their own.
  login: { yes: null, no: null, usage: ['--profile', 'a b'] },
  logout: { yes: null, no: null, usage: ['--profile', 'nobody'] },
  profiles: { yes: [], no: null, usage: ['--use', 'nobody'] },
  doctor: { yes: ['--data', '/nowhere'], no: ['--data', '/nowhere', '--config', '/nowhere'] },
  keygen: { yes: ['--name', 'shop'], no: null, usage: ['--name', 'shop', '--scopes', 'everything'] },
  ingest: { yes: [good], no: [bad], usage: ['/nowhere.ndjson'] },
  import: { yes: [good], no: [bad], usage: [fileOf('a,b\n')] },
  events: { yes: ['--entity', 'parcel-1'], no: ['--entity', 'nobody'], usage: ['--entity', 'x', '--from', 'soon'] },
  explain: {
    yes: ['--entity', 'parcel-1', '--time', '2026-02-01T08:00:00Z'],
    no: ['--entity', 'nobody', '--time', '2026-02-01T08:00:00Z'],
    usage: ['--entity', 'parcel-1'],
  },
  'explain change': {
    yes: [...metric, ...window, '--from', '2026-02-01T07:00:00Z', '--to', 'now'],
    no: ['--metric', 'daily_event_count', '--key', 'nobody', ...window],
    usage: ['--metric', 'no_such_metric', '--key', 'x', ...window],
  },
  find: { yes: ['entity_id=parcel-1'], no: ['entity_id=nobody'], usage: ['entity_id ='] },
  compare: { yes: ['--a', 'outcome = ACCEPTED'], no: null, usage: ['--a', 'entity_id ='] },
  schema: { yes: [], no: null, usage: ['--drift-from', 'soon'] },
  sql: { yes: ['SELECT count(*) FROM events'], no: null, usage: ['DROP TABLE loaded'] },
  tail: { yes: ['--from', '2020-01-01', '--limit', '1'], no: null, usage: ['entity_id ='] },
  rejects: { yes: [], no: [], usage: ['--limit', 'many'] },
  audit: { yes: [], no: null, usage: ['--from', 'soon'] },
  status: { yes: ['--since', DAY], no: ['--since', DAY], usage: ['--since', 'soon'] },
  verify: { yes: [], no: [] },
  'verify-case': { yes: [caseOf({ status: 'ok' })], no: [caseOf({ status: 'other' })], usage: [good] },
  lag: { yes: [], no: null, usage: ['--from', 'soon'] },
  duplicates: { yes: [], no: null, usage: ['--from', 'soon'] },
  failures: { yes: [], no: [], usage: ['--from', 'soon'] },
  gaps: { yes: [], no: ['--include-imported', '--grain', 'hour', '--source', 'meter'], usage: ['--grain', 'year'] },
  completeness: { yes: [], no: null, usage: ['--from', 'soon'] },
  reingest: { yes: null, no: null, usage: ['not-a-receipt'] },
  replay: {
    yes: [...selected, '--reason', 'a test'],
    no: [...selected, '--dry-run'],
    usage: ['--timeout', 'long'],
  },
  replays: { yes: [], no: null, usage: ['--limit', 'many'] },
  // monitors.e2e.test.ts covers a monitor that fires.
  monitors: { yes: [], no: null, usage: ['--ended', 'many'] },
  'monitors mute': { yes: null, no: ['nobody'], usage: ['nobody', '--for', 'soon'] },
  'monitors unmute': { yes: null, no: ['nobody'] },
  check: {
    yes: ['--max-failures', '999', '--gaps', '--silence', '--duplicates'],
    no: ['--max-failures', '0', '--within', '9999d'],
    usage: ['--silent-after', '2h'],
  },
  'dead-letters': { yes: [], no: [] },
  history: { yes: metric, no: ['--metric', 'daily_event_count', '--key', 'nobody'] },
  compute: { yes: [...metric, ...window], no: null, usage: ['--metric', 'no_such_metric', '--key', 'x', ...window] },
  completion: { yes: ['bash'], no: null, usage: ['tcsh'] },
};

const OFFLINE = new Set([
  ...['backup', 'restore', 'demo', 'serve', 'rebuild', 'compact', 'erase', 'keygen', 'outbox list', 'outbox drain'],
  // `mcp` reports a server that cannot be reached to the assistant that asks.
  ...['completion', 'login', 'logout', 'profiles', 'mcp'],
  ...['log export', 'log rotate', 'log replace-key', 'log restore', 'witness'],
]);
const commands = Object.keys(CASES);
// For `doctor` a server that cannot be reached is an answer.
const asking = commands.filter(
  (command) => !OFFLINE.has(command) && command !== 'doctor' && !command.startsWith('tap '),
);

let well: Kit;
let ill: Kit;
const run = async (kit: Kit, command: string, args: readonly string[]) =>
  (await runPik(...command.split(' '), ...args, ...(OFFLINE.has(command) ? [] : ['--url', kit.url]))).code;

beforeAll(async () => {
  const broken = defineAggregate({
    metric: 'broken',
    definition_version: 1,
    group_by: 'entity',
    window: 'day',
    time_zone: 'UTC',
    select: () => 1,
    initial: () => 0,
    reduce: () => {
      throw new Error('it never works');
    },
    finish: (state: number) => state,
  });
  [well, ill] = [await openKit(), await openKit({ aggregates: [broken] })];
  await run(well, 'import', [good]);
  await run(well, 'replay', CASES.replay?.yes ?? []);
  const conflict = [1, 2].map((n) => eventText({ idempotency_key: 'k', payload: { n } })).join('\n');
  const hours = Array.from({ length: 240 }, (_, n) => new Date(Date.UTC(2026, 1, 1) + n * 3_600_000).toISOString());
  const meter = hours
    .filter((_, n) => n < 200 || n > 208)
    .map((time) => eventText({ source: 'meter', entity_id: 'm-1', event_time: time, received_at: time }));
  await run(ill, 'import', [bad]);
  await run(ill, 'import', [fileOf(conflict)]);
  await run(ill, 'import', [fileOf(meter.join('\n'))]);
  await run(ill, 'replay', [...(CASES.replay?.yes ?? []), '--no-wait']);
  await vi.waitFor(async () => expect(await run(ill, 'dead-letters', [])).toBe(EXIT.no), { timeout: 600_000 });
  const [pack = ''] = ill.backend.packs.keys();
  const bytes = Uint8Array.from(ill.backend.packs.get(pack) ?? []);
  bytes[9] = (bytes[9] ?? 0) ^ 1;
  ill.backend.packs.set(pack, bytes);
});
afterAll(async () => {
  await well.close();
  await ill.close();
});

describe('exit statuses', () => {
  it('of every command are in one table, which docs/cli.md shows', () => {
    const { commands: known } = createProgram(() => {});
    const names = known.flatMap((one) => [one.name(), ...one.commands.map((sub) => `${one.name()} ${sub.name()}`)]);
    // Command groups do nothing by themselves.
    for (const group of ['outbox', 'tap', 'log', 'case']) names.splice(names.indexOf(group), 1);
    // Only the script of `completion` calls it.
    names.splice(names.indexOf('complete'), 1);
    expect(names.sort()).toEqual(Object.keys(EXIT_MEANINGS).sort());
    expect(commands.sort()).toEqual(Object.keys(EXIT_MEANINGS).sort());
    const page = readFileSync(join(import.meta.dirname, '../../../docs/cli.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `([a-z -]+)` \| (.+) \| (.+) \|$/gm)].map(([, name, yes, no]) => [
      name,
      { yes, no: no === '–' ? null : no },
    ]);
    // Those of declared questions are in docs/questions.md.
    const written = Object.entries(EXIT_MEANINGS).filter(([name]) => !Object.hasOwn(QUESTIONS, name));
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(written));
  });

  it.each(commands)('%s: 2 for an unknown option', async (command) => {
    expect(await run(well, command, ['--no-such-option'])).toBe(EXIT.usage);
  });

  it.each(commands.filter((command) => CASES[command]?.usage !== undefined))(
    '%s: 2 for an unusable argument',
    async (command) => {
      expect(await run(well, command, CASES[command]?.usage ?? [])).toBe(EXIT.usage);
    },
  );

  it.each(commands.filter((command) => CASES[command]?.yes != null))('%s: 0', async (command) => {
    expect(await run(well, command, CASES[command]?.yes ?? [])).toBe(EXIT.yes);
  });

  it.each(commands.filter((command) => CASES[command]?.no != null))('%s: 1 for a negative answer', async (command) => {
    expect(EXIT_MEANINGS[command]?.no).not.toBeNull();
    expect(await run(ill, command, CASES[command]?.no ?? [])).toBe(EXIT.no);
  });

  it.each(asking)('%s: 3 if the server cannot be reached', async (command) => {
    well.intercept = () => Response.json({ nobody: 'knows' }, { status: 403 });
    try {
      const args = CASES[command]?.yes ?? CASES[command]?.no ?? ['00000000-0000-7000-8000-000000000000/0'];
      expect(await run(well, command, args)).toBe(EXIT.failed);
    } finally {
      well.intercept = () => null;
    }
  });

  it('reingest: 0 for receipts that are accepted now, 1 for receipts that are rejected again', async () => {
    const text = '{"source":"depot"}';
    const sent = await fetch(`${ill.url}/ingest`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: text,
    });
    const { results } = (await sent.json()) as { results: { raw_key: string; line: number }[] };
    const receipt = `${/([^/]+)\.ndjson/.exec(results[0]?.raw_key ?? '')?.[1]}/0`;
    expect(await run(ill, 'reingest', [receipt])).toBe(EXIT.no);
    expect(await run(ill, 'reingest', [receipt, '--body', good])).toBe(EXIT.yes);
    expect(await run(ill, 'reingest', [receipt, '--body', '/nowhere'])).toBe(EXIT.usage);
  });

  it('of an error: 2 for wrong usage, 1 for a refusal by the server, 3 for everything else', () => {
    const of = (status: number) =>
      (Object.keys(ERRORS) as ErrorCode[]).filter((code) => exitOf(new KitError(code)) === status).sort();
    expect(of(EXIT.usage)).toEqual([
      'BIND_REFUSED',
      'CONFIG_INVALID',
      'CURSOR_INVALID',
      'FILE_INVALID',
      'LOG_KEY_INVALID',
      'METRIC_UNKNOWN',
      'REQUEST_INVALID',
    ]);
    expect(of(EXIT.no).length + of(EXIT.usage).length + of(EXIT.failed).length).toBe(Object.keys(ERRORS).length);
    expect(exitOf(new Error('of nobody'))).toBe(EXIT.failed);
  });
});
