import { defineConfig } from 'tsup';

const shared = { dts: true, target: 'node20', splitting: true, removeNodeProtocol: false } as const;

export default defineConfig([
  {
    ...shared,
    entry: ['src/index.ts', 'src/investigator.ts', 'src/outbox.ts', 'src/testing.ts'],
    format: ['esm', 'cjs'],
  },
  // vitest itself is an ES module only.
  { ...shared, entry: ['src/vitest.ts'], format: ['esm'] },
]);
