import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import {
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { createPipeline, type Pipeline } from '@pik/engine';
import { openAwsBackend } from '@pik/engine/aws';
import { isInstalled } from '@pik/testkit/fixtures/servers/server';
import { afterAll, expect, it } from 'vitest';

import { type CreatedResources, createResources } from '../src/emulator.ts';
import { REGION } from '../src/resolve.ts';
import { deploy } from './support/cloud.ts';
import { createEmulatorClients } from './support/emulator-clients.ts';

// The commands of the README that restore a table, over an emulator: events that came in after the restored time come back.

const README = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');
const steps = [...README.matchAll(/ {3}<!-- A test runs this on a table\. -->\n {3}```sh\n([\s\S]*?) {3}```/g)].map(
  ([, lines = '']) => lines,
);

const clients = createEmulatorClients();
let resources: CreatedResources | undefined;
afterAll(async () => {
  await resources?.remove();
  for (const client of Object.values(clients)) client.destroy();
});

/** Runs a step as a person would in one shell, and returns its output. */
function sh(step: string, table: string): string {
  const { stdout, stderr, status } = spawnSync('bash', ['-ec', step], {
    encoding: 'utf8',
    env: { ...process.env, TABLE: table, TIME: new Date().toISOString(), AWS_PAGER: '', AWS_DEFAULT_REGION: REGION },
  });
  expect([status, stderr]).toEqual([0, '']);
  return stdout;
}

async function send(pipeline: Pipeline, minute: number): Promise<string> {
  const event_time = `2026-01-10T12:0${minute}:00Z`;
  const event = { source: 's', event_type: 't', entity_id: 'life', event_time, payload: { minute } };
  const { results } = await pipeline.ingest({
    body: new TextEncoder().encode(JSON.stringify(event)),
    format: 'json',
    mode: 'live',
    receivedMs: Date.now(),
    requestId: `r${minute}`,
    principal: null,
    dryRun: false,
  });
  return results[0]?.event_id ?? '';
}

async function known(pipeline: Pipeline): Promise<string[]> {
  const all = { entity_id: 'life', start_time: null, end_time: null, asOfMs: null, limit: 100, cursor: null };
  return (await pipeline.timeline(all)).events.map(({ event_id }) => event_id);
}

it.skipIf(!isInstalled('aws'))('the index is restored to an earlier time, and has every event again', async () => {
  const created = await createResources(clients, { prefix: `pik-restore-${process.pid}-${Date.now()}` });
  resources = created;
  const open = () => createPipeline({ backend: openAwsBackend({ ...created, clients, callMs: 120_000 }) });
  const pipeline = open();
  const sweep = (of: Pipeline) => of.sweep({ minAgeMs: 0, lookBackMs: 0 });
  const { indexTable: TableName } = created;

  const before = await send(pipeline, 1);
  await sweep(pipeline);
  const [restore = '', replace = '', settle = ''] = steps;
  expect(Number(/\d+\s*$/.exec(sh(restore, TableName))?.[0])).toBeGreaterThan(0);
  const after = [await send(pipeline, 2), await send(pipeline, 3)];
  await sweep(pipeline);
  sh(replace + settle, TableName);

  const restored = open();
  expect(await known(restored)).toEqual([before]);
  await sweep(restored);
  expect(await known(restored)).toEqual([before, ...after]);
  expect((await restored.verify(null)).faults).toEqual([]);

  const { Table } = await clients.dynamodb.send(new DescribeTableCommand({ TableName }));
  const { TimeToLiveDescription } = await clients.dynamodb.send(new DescribeTimeToLiveCommand({ TableName }));
  const { ContinuousBackupsDescription } = await clients.dynamodb.send(
    new DescribeContinuousBackupsCommand({ TableName }),
  );
  const declared = deploy().IndexTable?.Properties ?? {};
  // A restored table keeps the way it is paid on AWS; moto forgets it.
  expect({
    DeletionProtectionEnabled: Table?.DeletionProtectionEnabled,
    KeySchema: Table?.KeySchema,
    TimeToLive: [TimeToLiveDescription?.AttributeName, TimeToLiveDescription?.TimeToLiveStatus],
    PointInTimeRecovery: ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus,
  }).toEqual({
    DeletionProtectionEnabled: declared.DeletionProtectionEnabled,
    KeySchema: declared.KeySchema,
    TimeToLive: [declared.TimeToLiveSpecification.AttributeName, 'ENABLED'],
    PointInTimeRecovery: 'ENABLED',
  });
});
