import { globSync } from 'node:fs';
import { join } from 'node:path';
import { mergeConfig } from 'vitest/config';

import { needsOwnProcess } from './scripts/vitest/own-process.ts';
import base from './vitest.base.ts';

const FOLDERS = ['packages/*/{src,test}', 'scripts', 'examples/*/src', 'deploy/test'];
const tests = globSync(
  FOLDERS.map((folder) => `${folder}/**/*.test.ts`),
  // Those over an emulator run by `npm run test:aws`.
  { cwd: import.meta.dirname, exclude: ['**/*.aws.test.ts'] },
);
const own = tests.filter((file) => needsOwnProcess(join(import.meta.dirname, file)));
const shared = tests.filter((file) => !own.includes(file));

export default mergeConfig(base, {
  test: {
    projects: [
      { extends: true, test: { name: 'own process', include: own } },
      { extends: true, test: { name: 'shared process', include: shared, isolate: false } },
    ],
  },
});
