// The lines that a newcomer copies from the README are run as they stand, in their order; its snippets are code that CI runs.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInvestigator } from '@pik/sdk/investigator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

type Answer = Record<string, unknown>;

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const block = /<!-- A test runs these lines\. -->\n```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
const [address, ...lines] = block.trim().split('\n');
const server = spawn(process.execPath, [
  join(root, 'packages/cli/dist/main.js'),
  'serve',
  '--port',
  '0',
  '--data',
  mkdtempSync(join(tmpdir(), 'pik-readme-')),
]);
let URL = '';
beforeAll(async () => {
  URL = await new Promise<string>((resolve) =>
    server.stdout.on('data', (chunk) => resolve(/http:\/\/\S+/.exec(String(chunk))?.[0] ?? '')),
  );
});
afterAll(() => void server.kill());

/** Checks of the answer to a line, by the route that the line names. */
const SENSIBLE: Record<string, (answer: Answer) => void | Promise<void>> = {
  '/ingest': ({ status }) => expect(status).toBe('ACCEPTED'),
  '/timeline': ({ events }) => expect(events).toHaveLength(1),
  '/events': ({ found }) => expect(found).toBe(true),
  '/reports/lag': ({ total }) => expect(total).toMatchObject({ count: 1 }),
  '/reports/duplicates': ({ total }) => expect(total).toMatchObject({ receipts: 1, duplicates: 0 }),
  '/reports/gaps': (answer) =>
    expect(answer).toMatchObject({
      gaps: [],
      series: [{ model: 'CANNOT_BE_JUDGED', reason: 'TOO_LITTLE_HISTORY', silence: { longest: true } }],
    }),
  '/reports/failures': (answer) => expect(answer).toMatchObject({ receipts: 1, failures: 0, groups: [] }),
  '/aggregates/compute': (answer) => expect(answer).toMatchObject({ value: 1, input_count: 1 }),
  '/replay': async (answer) => {
    expect(answer).toMatchObject({ scanned: 1, sent: 1, messages: 1, complete: true, next_cursor: null });
    // A person takes longer than the worker does to come to the next line.
    const replay = await createInvestigator({ url: URL }).resumeReplay(answer.replay_id as string);
    await replay.processed({ timeoutMs: 3_600_000 });
  },
  '/aggregates/versions': ({ versions }) => expect(versions).toMatchObject([{ version: 1, value: 1 }]),
  '/replays': ({ replays }) => expect(replays).toMatchObject([{ status: 'COMPLETE', sent: 1 }]),
};

const routeOf = (line: string) => /\$URL(\/[a-z/]+)/.exec(line)?.[1] ?? '';

it('the lines begin with the address at which `npm start` serves', () => {
  expect(address).toBe('URL=http://127.0.0.1:4600');
  expect(readme).toContain(`a kit of your own on ${address?.slice('URL='.length)}`);
});

it('commands for readers have the scope under which the packages are published, and the README fits two screens', () => {
  const { release } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { release: { scope: string } };
  const pages = readdirSync(join(root, 'docs')).filter((file) => file.endsWith('.md'));
  const installed = ['README.md', 'deploy/README.md', ...pages.map((page) => `docs/${page}`)].flatMap((file) =>
    [
      ...readFileSync(join(root, file), 'utf8').matchAll(
        /(?:npx |npm install .*?|"args": \["|opt\/pik\/node_modules\/)(@(?!duckdb\/)[^/\s]+)\/\w+/g,
      ),
    ].map(([, scope]) => `${file} ${scope}`),
  );
  expect(installed.length).toBeGreaterThan(4);
  expect(installed.filter((one) => !one.endsWith(` ${release.scope}`))).toEqual([]);
  expect(readme.split('\n').length).toBeLessThan(90);
});

it('every route that the README shows has a check of its answer', () =>
  expect(lines.map(routeOf).sort()).toEqual(Object.keys(SENSIBLE).sort()));

it('they include the replay of the earlier kit exactly as it was typed there', () =>
  expect(lines).toContain(
    `curl -X POST $URL/replay -H 'Content-Type: application/json' -d '{"entity_id":"user_123","start_time":"2025-12-28T00:00:00Z","end_time":"2025-12-29T00:00:00Z"}'`,
  ));

it.each(lines)('%s', async (line) => {
  const answer = JSON.parse(
    execFileSync('sh', ['-c', `${line} --silent --fail-with-body`], { encoding: 'utf8', env: { ...process.env, URL } }),
  ) as Answer;
  expect(answer).not.toHaveProperty('code');
  await SENSIBLE[routeOf(line)]?.(answer);
});

describe('snippets', () => {
  const guides = ['docs/middleware.md', 'docs/producer.md', 'docs/quickstart.md', 'docs/values.md'].map((file) =>
    readFileSync(join(root, file), 'utf8'),
  );
  const snippets = [...[readme, ...guides].join('\n').matchAll(/<!-- from (\S+) -->\n```ts\n([\s\S]*?)```/g)].map(
    ([, file, code]) => ({
      file: file as string,
      code: code as string,
    }),
  );

  it('are there', () => expect(snippets.length).toBeGreaterThan(1));

  it.each(snippets)('$file has the lines that the README and the guides show', ({ file, code }) =>
    expect(readFileSync(join(root, file), 'utf8')).toContain(code),
  );
});
