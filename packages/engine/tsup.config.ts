import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/index.ts', 'src/aws.ts', 'src/http.ts', 'src/internals.ts', 'src/local.ts', 'src/monitors.ts'],
  format: ['esm'],
  dts: true,
  target: 'node22',
  clean: true,
  // `sqlite` exists only under its full name, `node:sqlite`.
  removeNodeProtocol: false,
});
