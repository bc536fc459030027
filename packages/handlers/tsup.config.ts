import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/aws.ts', 'src/local.ts', 'src/testing.ts', 'src/testing-aws.ts'],
  format: ['esm'],
  dts: true,
  target: 'node22',
  clean: true,
  // `sqlite` exists only under its full name, `node:sqlite`.
  removeNodeProtocol: false,
});
