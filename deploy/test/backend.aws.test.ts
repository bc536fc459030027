import { setTimeout } from 'node:timers/promises';
import { openAwsBackend } from '@pik/engine/aws';
import { createTestClock, describeBackendContract } from '@pik/testkit';
import { afterAll } from 'vitest';
import { createResources } from '../src/emulator.ts';
import { createEmulatorClients } from './support/emulator-clients.ts';

// G22: the contract of a backend over an emulator, each test on resources made from the template's own definitions.

const clients = createEmulatorClients();
afterAll(() => {
  for (const client of Object.values(clients)) client.destroy();
});

let made = 0;

describeBackendContract('the AWS backend over S3, DynamoDB and SQS', async () => {
  made += 1;
  const clock = createTestClock();
  const resources = await createResources(clients, { prefix: `pik-contract-${process.pid}-${Date.now()}-${made}` });
  const open = () => openAwsBackend({ ...resources, clients, clock, callMs: 120_000, receiveWaitMs: 0 });
  // The queue of an emulator goes by the time of its machine.
  const settle = (passedMs: number) => setTimeout(passedMs);
  return { backend: open(), clock, reopen: async () => open(), settle };
});
