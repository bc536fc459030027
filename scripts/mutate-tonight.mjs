// Runs the mutation tester over a seventh of the files in stryker.config.json, another one each day, so that a week of
// `npm run verify:nightly` covers them all. `npm run mutate` runs all at once.
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const NIGHTS = 7;
const DAY_MS = 86_400_000;
const root = join(import.meta.dirname, '..');
const { mutate } = JSON.parse(readFileSync(join(root, 'stryker.config.json'), 'utf8'));
const left = mutate.filter((glob) => glob.startsWith('!')).map((glob) => glob.slice(1));
const files = mutate
  .filter((glob) => !glob.startsWith('!'))
  .flatMap((glob) => globSync(glob, { cwd: root, exclude: left }))
  .sort();
const night = Math.floor(Date.now() / DAY_MS) % NIGHTS;
const tonight = files.filter((_, i) => i % NIGHTS === night);
console.log(`mutants of ${tonight.length} of ${files.length} files`);
const { status } = spawnSync('stryker', ['run', '--mutate', tonight.join(',')], { cwd: root, stdio: 'inherit' });
process.exit(status ?? 1);
