import { afterAll, beforeAll } from 'vitest';

import { CONTRACT_AGGREGATES } from '../../packages/handlers/src/testing/http-contract/contract-aggregates.ts';
import { CONTRACT_VOLATILE } from '../../packages/handlers/src/testing/http-contract/contract-volatile.ts';
import { describeHttpContract } from '../../packages/handlers/src/testing/http-contract.ts';
import { captureLines, keyOf } from '../../packages/handlers/test/support/functions.ts';
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
