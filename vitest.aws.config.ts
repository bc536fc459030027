import { defineConfig, mergeConfig } from 'vitest/config';

import base from './vitest.base.ts';

// Tests against whatever AWS_ENDPOINT_URL names: resources are created there from the template's own definitions.
if (process.env.AWS_ENDPOINT_URL === undefined) {
  throw new Error('AWS_ENDPOINT_URL must name an emulator, such as the address at which moto_server listens');
}
process.env.AWS_REGION ??= 'eu-central-1';
process.env.AWS_ACCESS_KEY_ID ??= 'emulator';
process.env.AWS_SECRET_ACCESS_KEY ??= 'emulator';

/** An emulator on the same machine answers one request after the other. */
const PATIENCE_MS = 900_000;

export default mergeConfig(
  base,
  defineConfig({
    test: {
      setupFiles: ['deploy/test/support/own-emulator.ts'],
      include: ['packages/*/{src,test}/**/*.aws.test.ts', 'deploy/test/**/*.aws.test.ts'],
      testTimeout: PATIENCE_MS,
      hookTimeout: PATIENCE_MS,
    },
  }),
);
