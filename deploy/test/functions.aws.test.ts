import { afterAll, beforeAll } from 'vitest';

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
  const { gateway, close } = await openStack();
  return { baseUrl: 'https://api.test', fetch: gateway.fetch, key: keyOf, close };
}

describeHttpContract('the functions behind the API, over S3, DynamoDB and SQS', open, { manyRecords: false });
