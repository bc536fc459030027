import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/aws.ts', 'src/budget.ts', 'src/taps.ts', 'src/fixtures/**/*.ts'],
  format: ['esm'],
  // Fixtures serve the tests of this repository, which see their sources. They are built for processes that tests start,
  // and find there what only they need.
  external: ['tsup', /^@aws-sdk\//, /^@smithy\//],
  dts: { entry: ['src/index.ts', 'src/aws.ts', 'src/budget.ts', 'src/taps.ts'] },
  target: 'node22',
  clean: true,
  // `sqlite` exists only under its full name, `node:sqlite`.
  removeNodeProtocol: false,
});
