import { defineConfig } from 'tsup';

const shared = { dts: true, target: 'node20', splitting: true, removeNodeProtocol: false } as const;

export default defineConfig([
  { ...shared, entry: ['src/index.ts', 'src/investigator.ts', 'src/outbox.ts', 'src/testing.ts'], format: ['esm'] },
  {
    ...shared,
    entry: ['src/index.ts', 'src/investigator.ts', 'src/outbox.ts', 'src/testing.ts'],
    format: ['cjs'],
    // `uuid` comes along, as much of it as is used: it has no CommonJS form, which not every Node that we support can require,
    // and Jest cannot at all.
    noExternal: ['uuid'],
    treeshake: true,
  },
  // vitest itself is an ES module only.
  { ...shared, entry: ['src/vitest.ts'], format: ['esm'] },
]);
