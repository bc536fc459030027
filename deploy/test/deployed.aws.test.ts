import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { CreateSecretCommand, GetRandomPasswordCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { createProducer } from '@pik/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createAwsClients } from '../../packages/handlers/src/backends/aws/clients.ts';
import { type CreatedResources, createResources } from '../src/emulator.ts';
import { resolveTemplate } from '../src/resolve.ts';
import { FUNCTIONS, template } from './support/cloud.ts';

// What `npm run build` made, in a process of its own, with the variables of the template and the first key from Secrets
// Manager, all over an emulator: the commands of the README do what it says.

const ROOT = join(import.meta.dirname, '../..');
const README = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
const dir = mkdtempSync(join(tmpdir(), 'pik-deployed-'));

/** Commands of the README that a test runs, each with the output that it says. */
function commands(): { command: string; expected: string }[] {
  const blocks = [...README.matchAll(/<!-- A test runs this\. -->\n```sh\n([\s\S]*?)```\n+```text\n([\s\S]*?)```/g)];
  return blocks.map(([, command = '', expected = '']) => ({ command: command.trim(), expected: expected.trim() }));
}

/** Whether an output is what the README says, with `…` for what differs each time. */
function pattern(expected: string): RegExp {
  const literal = expected
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/\s+/g, '\\s+'));
  return new RegExp(`^${literal.join('[\\s\\S]*?')}$`);
}

interface Deployed {
  readonly url: string;
  /** What the functions told the daemon of X-Ray. */
  readonly traces: readonly string[];
  readonly key: string;
  close(): Promise<void>;
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

/** Makes the resources and the key as the template has them, and serves the bundles with its variables. */
async function deployOnEmulator(): Promise<Deployed> {
  const clients = createAwsClients({ requestMs: 30_000 });
  const resources = await createResources(clients, { prefix: `pik-deployed-${process.pid}-${Date.now()}` });
  const secret = await firstKey();
  const daemon = createSocket('udp4');
  const traces: string[] = [];
  daemon.on('message', (message) => traces.push(message.toString()));
  daemon.bind(0, '127.0.0.1');
  await once(daemon, 'listening');
  const server = spawn(process.execPath, [join(import.meta.dirname, 'support/serve-bundles.ts')], {
    env: { ...process.env, ...variables(resources, secret.arn), ...tracing(daemon.address().port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    server.on('exit', (code) => reject(new Error(`the functions ended with ${code}`)));
    server.stdout.on('data', (chunk: Buffer) => {
      const found = /^listening (http:\S+)$/m.exec(chunk.toString())?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  return {
    url,
    traces,
    key: secret.key,
    async close() {
      daemon.close();
      server.removeAllListeners('exit');
      server.kill('SIGKILL');
      await resources.remove();
      for (const client of Object.values(clients)) client.destroy();
    },
  };
}

const TRACE_ID = '1-5759e988-bd862e3fe1be46a994272793';

/** What the daemon is told of one call. */
interface Segment {
  readonly name: string;
  readonly trace_id: string;
}

/** What the runtime of Lambda sets for a request whose trace is kept. */
function tracing(port: number): Record<string, string> {
  return {
    LAMBDA_TASK_ROOT: dir,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_XRAY_DAEMON_ADDRESS: `127.0.0.1:${port}`,
    _X_AMZN_TRACE_ID: `Root=${TRACE_ID};Parent=53995c3f42cd8ad8;Sampled=1`,
  };
}

async function firstKey(): Promise<{ arn: string; key: string }> {
  const client = new SecretsManagerClient({});
  const { GenerateSecretString } = template.Resources.FirstApiKey?.Properties ?? {};
  const { RandomPassword = '' } = await client.send(new GetRandomPasswordCommand(GenerateSecretString));
  const created = { Name: `pik-${process.pid}-${Date.now()}`, SecretString: RandomPassword };
  const { ARN = '' } = await client.send(new CreateSecretCommand(created));
  client.destroy();
  return { arn: ARN, key: RandomPassword };
}

/** The variables of all functions: where two have the same one, it has the same value. */
function variables(resources: CreatedResources, secretArn: string): Record<string, string> {
  const names: Readonly<Record<string, string>> = {
    RawBucket: resources.bucket,
    IndexTable: resources.indexTable,
    AggregatesTable: resources.aggregatesTable,
    ReplaysTable: resources.replaysTable,
    ReplayQueue: resources.queueUrl,
    DeadLetterQueue: resources.deadLetterQueueUrl,
    FirstApiKey: secretArn,
  };
  const resolved = resolveTemplate(template, { ref: (id) => names[id] ?? id });
  return Object.assign({}, ...FUNCTIONS.map((name) => resolved[`${name}Function`]?.Properties.Environment.Variables));
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
  it('answers the commands of its README as that says', () => {
    const all = commands();
    expect(all.length).toBeGreaterThanOrEqual(4);
    for (const { command, expected } of all) {
      const { output, stderr, status } = sh(command);
      expect([command, status, stderr]).toEqual([command, 0, expect.any(String)]);
      expect(output).toMatch(pattern(expected));
    }
  });

  it('D62: traces what the functions ask of S3, DynamoDB and SQS', async () => {
    const segments = () => deployed.traces.map((trace) => JSON.parse(trace.slice(trace.indexOf('\n'))) as Segment);
    const names = () => new Set(segments().map(({ name }) => name));
    await expect.poll(names, { timeout: 10_000 }).toEqual(new Set(['S3', 'DynamoDB', 'SQS']));
    expect(new Set(segments().map(({ trace_id }) => trace_id))).toEqual(new Set([TRACE_ID]));
  });

  it('takes the SDK with the first key, and nobody without one', async () => {
    const producer = createProducer({ url: deployed.url, apiKey: deployed.key, source: 'deployed' });
    const { result } = producer.emit('thing.happened', { n: 1 }, { entity_id: 'e', idempotency_key: 'k' });
    expect((await result).status).toBe('ACCEPTED');
    await producer.close();
    for (const headers of [new Headers(), new Headers({ authorization: 'Bearer pik_wrong' })])
      expect((await fetch(`${deployed.url}/reports/lag`, { headers })).status).toBe(401);
  });
});
