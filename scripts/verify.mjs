// Runs everything that CI runs. Each check is a task of turbo, which skips a check that passed on the same files. The tests use
// both cores; the other checks run one by one at the same time. `--nightly` adds long histories, all kills, every version of
// Node, the bundlers and the mutation tester. Other arguments go to turbo: `-- --force` ignores the cache.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const runs = join(root, '.turbo/runs');

const TESTS = ['check:tests'];
const BESIDE = [
  'check:format',
  'check:types',
  'check:unused',
  'check:exports',
  'check:size',
  'check:examples',
  'check:runtimes',
  'check:nodes',
];
const NIGHTLY = [
  'check:nodes:all',
  'check:bundlers',
  'check:tarballs',
  'check:cdk',
  'check:site',
  'check:api',
  'mutate:tonight',
];

const nightly = process.argv.includes('--nightly');
const args = process.argv.slice(2).filter((arg) => arg !== '--nightly');
if (nightly) process.env.PIK_BUDGET ??= 'nightly';
// Each night tries new histories.
if (nightly) args.push('--force');
// Tests over real data are skipped without it, so a result does not hold once it is there.
process.env.PIK_DATA = existsSync(join(root, '../shared/data')) ? 'present' : 'absent';

rmSync(runs, { recursive: true, force: true });
mkdirSync(runs, { recursive: true });
const started = performance.now();
const statuses = await Promise.all([
  turbo(TESTS, ['--output-logs=new-only', '--log-prefix=none']),
  turbo(
    [...BESIDE, ...(nightly ? NIGHTLY : [])],
    ['--output-logs=errors-only', '--log-order=grouped', '--concurrency=1'],
  ),
]);
const tookMs = performance.now() - started;
const steps = readdirSync(runs).flatMap((file) => stepsOf(JSON.parse(readFileSync(join(runs, file), 'utf8'))));
console.log('\nverify, by step:');
for (const { ms, name, result } of steps.sort((a, b) => b.ms - a.ms)) print(ms, `${name.padEnd(36)} ${result}`);
print(tookMs, `in all, with the budget "${process.env.PIK_BUDGET ?? 'commit'}"`);
process.exit(statuses.every((status) => status === 0) ? 0 : 1);

/** Runs tasks. Continues after a failure, so that one run shows all failures. */
function turbo(tasks, flags) {
  const common = ['--ui=stream', '--summarize', '--env-mode=loose', '--continue=dependencies-successful'];
  return new Promise((resolve) => {
    const child = spawn('turbo', ['run', ...tasks, ...common, ...flags, ...args], { cwd: root, stdio: 'inherit' });
    child.on('error', (error) => resolve(console.error(error.message) ?? 1));
    child.on('exit', (status) => resolve(status ?? 1));
  });
}

function stepsOf({ tasks }) {
  return tasks
    .filter(
      ({ task, command }) => (task.startsWith('check:') || task === 'mutate:tonight') && command !== '<NONEXISTENT>',
    )
    .map(({ taskId, execution, cache }) => ({
      name: taskId.replace('//#', ''),
      ms: execution ? execution.endTime - execution.startTime : 0,
      result: cache.status === 'HIT' ? 'passed before' : execution?.exitCode === 0 ? 'passed' : 'FAILED',
    }));
}

function print(ms, text) {
  console.log(`${(ms / 1000).toFixed(1).padStart(7)} s  ${text}`);
}
