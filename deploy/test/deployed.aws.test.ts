import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { createProducer } from '@pik/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { buildFunctions } from '../src/build.ts';
import { type Deployed, deployOnEmulator, TRACE_ID } from './support/deployed.ts';

// The bundles of `npm run build`, in a process of their own, with the variables of the template and the first key from
// Secrets Manager, all over an emulator: the commands of the README print what it says.

const ROOT = join(import.meta.dirname, '../..');
const README = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
const dir = mkdtempSync(join(tmpdir(), 'pik-deployed-'));

/** Commands of the README that a test runs, each with its documented output. */
function commands(): { command: string; expected: string }[] {
  const blocks = [...README.matchAll(/<!-- A test runs this\. -->\n```sh\n([\s\S]*?)```\n+```text\n([\s\S]*?)```/g)];
  return blocks.map(([, command = '', expected = '']) => ({ command: command.trim(), expected: expected.trim() }));
}

/** True if an output equals the documented one, with `…` for varying parts. */
function pattern(expected: string): RegExp {
  const literal = expected
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'));
  return new RegExp(`^${literal.join('[\\s\\S]*?')}$`);
}

/** A segment that the X-Ray daemon received. */
interface Segment {
  readonly name: string;
  readonly trace_id: string;
}

let deployed: Deployed;
beforeAll(async () => {
  deployed = await deployOnEmulator();
  const pik = join(dir, 'pik');
  writeFileSync(pik, `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, 'packages/cli/dist/main.js')}" "$@"\n`);
  chmodSync(pik, 0o755);
});
afterAll(async () => {
  await deployed.close();
  rmSync(dir, { recursive: true });
});

/** A demo's output without its varying parts: ids, places, today's times, the width of its columns. */
function comparable(output: string): string {
  const today = new Date().toISOString().slice(0, 10);
  return output
    .replace(/^The kit runs at .*$/m, '')
    .replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'ID')
    .replace(/line \d+/g, 'line N')
    .replaceAll(new RegExp(`${today}T[0-9:]+Z`, 'g'), 'NOW')
    .replace(/─+/g, '─')
    .replace(/ +/g, ' ');
}

function sh(command: string) {
  const { stdout, stderr, status } = spawnSync('bash', ['-c', command], {
    cwd: ROOT,
    encoding: 'utf8',
    env: {
      ...process.env,
      PATH: `${dir}${delimiter}${process.env.PATH}`,
      PIK_URL: deployed.url,
      PIK_API_KEY: deployed.key,
    },
  });
  return { output: stdout.trim(), stderr, status };
}

describe('a deployment', () => {
  it('answers the commands of its README as documented', () => {
    const all = commands();
    expect(all.length).toBeGreaterThanOrEqual(4);
    for (const { command, expected } of all) {
      const { output, stderr, status } = sh(command);
      expect([command, status, stderr]).toEqual([command, 0, expect.any(String)]);
      expect(output).toMatch(pattern(expected));
    }
  });

  it('D62: traces the requests of the functions to S3, DynamoDB and SQS', async () => {
    const segments = () => deployed.traces.map((trace) => JSON.parse(trace.slice(trace.indexOf('\n'))) as Segment);
    const names = () => new Set(segments().map(({ name }) => name));
    await expect.poll(names, { timeout: 10_000 }).toEqual(new Set(['S3', 'DynamoDB', 'SQS']));
    expect(new Set(segments().map(({ trace_id }) => trace_id))).toEqual(new Set([TRACE_ID]));
  });

  it('accepts the SDK with the first key, and refuses it without one', async () => {
    const producer = createProducer({ url: deployed.url, apiKey: deployed.key, source: 'deployed' });
    const { result } = producer.emit('thing.happened', { n: 1 }, { entity_id: 'e', idempotency_key: 'k' });
    expect((await result).status).toBe('ACCEPTED');
    await producer.close();
    for (const headers of [new Headers(), new Headers({ authorization: 'Bearer pik_wrong' })])
      expect((await fetch(`${deployed.url}/reports/lag`, { headers })).status).toBe(401);
  });
});

describe('a deployment with metrics of its own', () => {
  it('the demo prints the same as over a kit on one machine', { timeout: 600_000 }, async () => {
    const bundles = join(dir, 'earthquakes');
    await buildFunctions({ outDir: bundles, configFile: join(ROOT, 'examples/earthquakes/pik.config.ts') });
    const { url, key, close } = await deployOnEmulator(bundles);
    try {
      const demo = (args: readonly string[]) =>
        spawnSync(process.execPath, [join(ROOT, 'packages/cli/dist/main.js'), 'demo', '--limit', '150', ...args], {
          encoding: 'utf8',
          env: { ...process.env, PIK_API_KEY: key },
        });
      const [here, there] = [demo([]), demo(['--url', url])];
      expect([here.status, here.stderr, there.status, there.stderr]).toEqual([0, '', 0, '']);
      expect(here.stdout).toMatch(/1 window has a new version/);
      expect(comparable(there.stdout)).toBe(comparable(here.stdout));
    } finally {
      await close();
    }
  });
});
