import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Tests run on the sources: the same paths as the type checker's. */
const { compilerOptions } = JSON.parse(readFileSync(new URL('tsconfig.json', import.meta.url), 'utf8')) as {
  compilerOptions: { paths: Record<string, [string]> };
};
const alias = Object.entries(compilerOptions.paths).map(([name, [file]]) => ({
  find: new RegExp(`^${name.replace('*', '(.*)')}$`),
  replacement: resolve(import.meta.dirname, file.replace('*', '$1')),
}));

export default defineConfig({
  resolve: { alias },
  test: {
    include: [
      'packages/*/{src,test}/**/*.test.ts',
      'scripts/**/*.test.ts',
      'examples/*/src/**/*.test.ts',
      'deploy/test/**/*.test.ts',
    ],
    // They need an emulator: `npm run test:aws`.
    exclude: ['**/node_modules/**', '**/dist/**', '**/*.aws.test.ts'],
    typecheck: { enabled: false },
    // Results must not depend on the colour settings of a build server.
    env: { NO_COLOR: '1' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
