import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';

import { CreateSecretCommand, GetRandomPasswordCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

import { type CreatedResources, createResources } from '../../src/emulator.ts';
import { resolveTemplate } from '../../src/resolve.ts';
import { FUNCTIONS, template } from './cloud.ts';
import { createEmulatorClients } from './emulator-clients.ts';

/** The built functions, served over an emulator. */
export interface Deployed {
  readonly url: string;
  /** Segments that the functions sent to the X-Ray daemon. */
  readonly traces: readonly string[];
  readonly key: string;
  close(): Promise<void>;
}

/** The trace of every request of a deployment here. */
export const TRACE_ID = '1-5759e988-bd862e3fe1be46a994272793';

let made = 0;

/**
 * Creates the resources and the key as the template declares them, and serves bundles with its variables: those of the
 * build, or others.
 */
export async function deployOnEmulator(bundles?: string): Promise<Deployed> {
  made += 1;
  const clients = createEmulatorClients();
  const prefix = `pik-deployed-${process.pid}-${Date.now()}-${made}`;
  const resources = await createResources(clients, { prefix });
  const secret = await firstKey(prefix);
  const daemon = createSocket('udp4');
  const traces: string[] = [];
  daemon.on('message', (message) => traces.push(message.toString()));
  daemon.bind(0, '127.0.0.1');
  await once(daemon, 'listening');
  const server = spawn(
    process.execPath,
    [join(import.meta.dirname, 'serve-bundles.ts'), ...(bundles === undefined ? [] : [bundles])],
    {
      env: { ...process.env, ...variables(resources, secret.arn), ...tracing(daemon.address().port) },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
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

/** The variables that the Lambda runtime sets for a request with a recorded trace. */
function tracing(port: number): Record<string, string> {
  return {
    LAMBDA_TASK_ROOT: import.meta.dirname,
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_XRAY_DAEMON_ADDRESS: `127.0.0.1:${port}`,
    _X_AMZN_TRACE_ID: `Root=${TRACE_ID};Parent=53995c3f42cd8ad8;Sampled=1`,
  };
}

async function firstKey(Name: string): Promise<{ arn: string; key: string }> {
  const client = new SecretsManagerClient({});
  const { GenerateSecretString } = template.Resources.FirstApiKey?.Properties ?? {};
  const { RandomPassword = '' } = await client.send(new GetRandomPasswordCommand(GenerateSecretString));
  const created = { Name, SecretString: RandomPassword };
  const { ARN = '' } = await client.send(new CreateSecretCommand(created));
  client.destroy();
  return { arn: ARN, key: RandomPassword };
}

/** The variables of all functions; two functions with the same variable have the same value. */
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
