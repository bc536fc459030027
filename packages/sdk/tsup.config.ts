import { defineConfig } from 'tsup';

const shared = { dts: true, target: 'node20', splitting: true, removeNodeProtocol: false } as const;

export default defineConfig([
  { ...shared, entry: ['src/index.ts', 'src/investigator.ts', 'src/outbox.ts', 'src/testing.ts'], format: ['esm'] },
  {
    ...shared,
    entry: ['src/index.ts', 'src/investigator.ts', 'src/outbox.ts', 'src/testing.ts'],
    format: ['cjs'],
    // What it needs comes along, as little of it as is used: `uuid` has no CommonJS form, which not every Node that we support
    // can require and Jest cannot at all; `@smithy/core` makes a TextEncoder as it is loaded, which jsdom does not have.
    noExternal: ['uuid', /^@smithy\//],
    external: [/^node:/],
    platform: 'neutral',
    splitting: false,
    treeshake: true,
    esbuildOptions: (options) => {
      options.mainFields = ['module', 'main'];
      options.conditions = ['browser', 'import'];
    },
  },
  // vitest itself is an ES module only.
  { ...shared, entry: ['src/vitest.ts'], format: ['esm'] },
]);
