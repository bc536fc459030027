import { CONTRACT_AGGREGATES, CONTRACT_VOLATILE, describeHttpContract } from '@pik/testkit';
import { captureLines, keyOf } from '@pik/testkit/fixtures/functions/functions';
import { afterAll, beforeAll } from 'vitest';
import { openStack } from './support/stack.ts';

// The functions over an emulator, on resources made from the template's own definitions.

let captured: ReturnType<typeof captureLines>;
beforeAll(() => {
  captured = captureLines();
});
afterAll(() => captured.stop());

async function open() {
  const { gateway, drain, close } = await openStack({
    aggregates: CONTRACT_AGGREGATES,
    volatile: CONTRACT_VOLATILE,
    settleMs: 0,
    retryDelayMs: 1_000,
  });
  return {
    baseUrl: 'https://api.test',
    fetch: gateway.fetch,
    key: keyOf,
    async work() {
      await drain();
    },
    close,
  };
}

describeHttpContract('the functions behind the API, over S3, DynamoDB and SQS', open, { manyRecords: false });
