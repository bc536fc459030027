import { defineConfig } from 'tsup';

export default defineConfig({
  entry: ['src/*.ts', '!src/*.test.ts'],
  format: ['esm'],
  dts: true,
  target: 'node22',
  clean: true,
  // `sqlite` exists only under its full name, `node:sqlite`.
  removeNodeProtocol: false,
});
