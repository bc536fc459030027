// For any flags, arguments and environment, a command ends with one of its exit statuses, states the problem in one
// line, and shows no credential and no stack. Each run executes the program in this process, against a kit in this
// process.
import { mkdirSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { createApp, createPipeline, createTelemetry } from '@pik/engine';
import { openLocalBackend } from '@pik/engine/local';
import { fixedRuns, runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { createProgram, run } from '../src/program.ts';
import { temporaryDir } from './served.ts';

const KEY = 'pik_never-shown-0123456789';
const dir = temporaryDir();
const file = (name: string) => join(dir, name);
let server: Server;
let url = '';
beforeAll(async () => {
  const telemetry = createTelemetry({ write: async () => {} });
  const pipeline = createPipeline({ backend: await openLocalBackend({ dir: file('data') }), telemetry });
  server = serve({ fetch: createApp({ pipeline, telemetry }).fetch, port: 0, hostname: '127.0.0.1' }) as Server;
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  mkdirSync(file('folder'));
  const event = { source: 's', event_type: 't', entity_id: 'e', event_time: '2026-01-01T00:00:00Z', payload: {} };
  writeFileSync(file('events.ndjson'), `${JSON.stringify(event)}\n`);
  writeFileSync(file('broken.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3]));
  writeFileSync(file('empty'), '');
});
afterAll(() => new Promise((resolve) => server.close(resolve)));
afterEach(() => vi.unstubAllEnvs());

/**
 * Every command with its options, taken from the program itself, except those that would serve, wait for standard input, or
 * answer a shell.
 */
const COMMANDS = createProgram(() => {})
  .commands.flatMap((command) => [
    command,
    ...command.commands.map((inner) => Object.assign(inner, { outer: command })),
  ])
  .filter(
    (command) =>
      ![
        'demo',
        'serve',
        'rebuild',
        'backup',
        'restore',
        'compact',
        'outbox',
        'tail',
        'completion',
        'complete',
      ].includes(command.name()),
  )
  .map((command) => ({
    name: 'outer' in command ? [(command.outer as typeof command).name(), command.name()] : [command.name()],
    options: command.options.map(({ long, short }) => long ?? short ?? ''),
    required: command.options.filter(({ mandatory }) => mandatory).map(({ long }) => long ?? ''),
    writes: ['--svg', '--html', '--body'],
  }));

const VALUES = [
  '',
  ' ',
  '-1',
  '0',
  '3',
  '1e9',
  'NaN',
  '99999999999999999999',
  'e',
  'count',
  'daily_event_count',
  'all',
  'source,day',
  'hour',
  'UTC',
  'Mars/Olympus',
  'yesterday',
  '2026-01-01T00:00:00Z',
  '2026-01-01',
  '2026-99-99',
  '\u202e\u0000\u001b[31m',
  '{"a":',
  'ä'.repeat(3_000),
  '../../etc/passwd',
  KEY,
  `http://joe:hunter2@127.0.0.1:1/${'x'.repeat(9)}`,
];
const PATHS = ['missing', 'missing/deep', 'folder', 'events.ndjson', 'events.ndjson/deep', 'broken.gz', 'empty'];
const URLS = [
  '',
  'kit',
  'joe:hunter2@kit',
  'https://joe:hunter2@kit.test',
  'http://127.0.0.1:1',
  'http://127.0.0.1:1/?k=hunter2',
];
const KEYS = ['', KEY, `${KEY}\n`, `${KEY} ${KEY}`, `${KEY}\u2013`, 'hunter2\u0007'];

const value = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...VALUES) }, fc.string({ maxLength: 8 }));
const path = fc.constantFrom(...PATHS).map(file);
/** Values of options that name files, limited to this test's files. */
const textOf = (option: string, writes: readonly string[]) => {
  if (writes.includes(option)) return path;
  if (option === '--url') return fc.constantFrom(...URLS, url);
  return option === '--api-key' ? fc.constantFrom(...KEYS) : value;
};

/** A tap waits for its source, whatever its address is. */
const ENDING = COMMANDS.filter(({ name }) => name[0] !== 'tap');

const call = fc.constantFrom(...ENDING).chain(({ name, options, required, writes }) => {
  const option = fc
    .constantFrom(...options.filter((one) => !['', '--with-key', '--watch'].includes(one)), '--api-kye', '--help')
    .chain((one) =>
      // An option that names an output file never takes the next argument as its value.
      writes.includes(one)
        ? textOf(one, writes).map((text) => [`${one}=${text}`])
        : fc.oneof(
            textOf(one, writes).map((text) => [one, text]),
            textOf(one, writes).map((text) => [`${one}=${text}`]),
            fc.constant([one]),
          ),
    );
  const wanted = fc.array(option, { maxLength: 5 }).map((all) => all.flat());
  const needed = fc.tuple(...required.map((one) => value.map((text) => [one, text]))).map((all) => all.flat());
  const args = fc.array(
    fc.oneof(
      path,
      value.filter((one) => one !== '-'),
    ),
    { maxLength: 2 },
  );
  return fc.record({
    args: fc.tuple(args, needed, wanted).map((parts) => [...name, ...parts.flat()]),
    isServed: fc.boolean(),
    PIK_URL: fc.constantFrom(...URLS),
    PIK_API_KEY: fc.constantFrom(...KEYS),
  });
});

async function runWith(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const argv = process.argv;
  process.argv = [...argv.slice(0, 2), ...args];
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text, ...rest) => {
      written[stream] += String(text);
      for (const done of rest) if (typeof done === 'function') (done as () => void)();
      return true;
    }),
  );
  try {
    return { code: await run(args), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
    process.argv = argv;
  }
}

describe('every command, for any arguments', () => {
  it('ends with a status, states the problem in words, and shows neither a credential nor a stack', async () => {
    const seen = new Map<number, number>();
    const ends = fc.asyncProperty(call, async ({ args, isServed, PIK_URL, PIK_API_KEY }) => {
      vi.stubEnv('PIK_CONFIG_DIR', file('profiles'));
      vi.stubEnv('PIK_URL', isServed ? url : PIK_URL);
      vi.stubEnv('PIK_API_KEY', isServed ? '' : PIK_API_KEY);
      const { code, stdout, stderr } = await runWith(args);
      seen.set(code, (seen.get(code) ?? 0) + 1);
      expect([0, 1, 2, 3]).toContain(code);
      expect(stderr).not.toMatch(/unexpected:|^\s+at /m);
      expect(stderr).not.toMatch(/hunter2|never-shown/);
      // An answer repeats the value that the caller asked about.
      if (args.includes('--help')) expect(stdout).not.toMatch(/hunter2|never-shown/);
      if (code > 1) expect(stderr.trim()).not.toBe('');
    });
    await fc.assert(ends, fixedRuns(20));
    const statuses = [...seen.keys()];
    await fc.assert(ends, runs(280));
    expect(statuses).toEqual(expect.arrayContaining([0, 2]));
  });
});

/** Commands that talk to no server. */
const LOCAL = ['keygen', 'login', 'logout', 'profiles', 'outbox', 'tap', 'log', 'witness', 'case', 'erase'];

describe('help', () => {
  it.each(COMMANDS.map(({ name }) => name))('of %s names the variables and not their values', async (...name) => {
    vi.stubEnv('PIK_URL', 'https://joe:hunter2@kit.test');
    vi.stubEnv('PIK_API_KEY', KEY);
    for (const args of [
      [...name, '--help'],
      ['help', ...name.slice(0, 1)],
    ]) {
      const { code, stdout, stderr } = await runWith(args);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).not.toMatch(/hunter2|never-shown/);
      if (!LOCAL.includes(name[0] ?? '')) expect(stdout.replace(/\s+/g, ' ')).toMatch(/PIK_URL.*PIK_API_KEY/);
    }
  });
});

describe('url and key', () => {
  it.each([
    ['--url', ['--url', 'kit'], {}],
    ['PIK_URL', [], { PIK_URL: 'kit' }],
    ['--api-key', ['--url', 'http://127.0.0.1:1', '--api-key', 'a b'], { PIK_API_KEY: 'c d' }],
    ['PIK_API_KEY', ['--url', 'http://127.0.0.1:1'], { PIK_API_KEY: 'c d' }],
  ])('the faulty one is named: %s', async (name, args, env) => {
    for (const [variable, text] of Object.entries({ PIK_URL: '', PIK_API_KEY: '', ...env })) vi.stubEnv(variable, text);
    const { code, stderr } = await runWith(['lag', ...args]);
    expect(stderr).toMatch(new RegExp(`^pik: CONFIG_INVALID: ${name} `));
    expect(code).toBeGreaterThan(0);
  });

  it('a key that ends in a newline is accepted, and an empty variable counts as unset', async () => {
    vi.stubEnv('PIK_URL', url);
    for (const key of [`${KEY}\n`, '']) {
      vi.stubEnv('PIK_API_KEY', key);
      expect(await runWith(['lag', '--json'])).toMatchObject({ code: 0, stderr: '' });
    }
  });
});
