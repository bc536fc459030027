// Everything that CI runs. Every check is a task of turbo: what has not changed since it passed is not run again. The tests
// run by themselves, the other checks one after another beside them. `--nightly` plays long histories, all kills, every
// version of Node and the mutation tester; other arguments go to turbo (`-- --force` runs everything).
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
const NIGHTLY = ['check:nodes:all', 'check:mutants'];

const nightly = process.argv.includes('--nightly');
const args = process.argv.slice(2).filter((arg) => arg !== '--nightly');
if (nightly) process.env.PIK_BUDGET ??= 'nightly';
// At night a result of another night is worth nothing.
if (nightly) args.push('--force');
// Tests over real data run where the data is.
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
const steps = readdirSync(runs).flatMap((file) => stepsOf(JSON.parse(readFileSync(join(runs, file), 'utf8'))));
console.log(`\nverify, by step:`);
for (const { seconds, name, result } of steps.sort((a, b) => b.seconds - a.seconds))
  console.log(`${seconds.toFixed(1).padStart(7)} s  ${name.padEnd(40)} ${result}`);
console.log(
  `${seconds(performance.now() - started)
    .toFixed(1)
    .padStart(7)} s  in all, ${process.env.PIK_BUDGET ?? 'commit'} budget`,
);
process.exit(statuses.every((status) => status === 0) ? 0 : 1);

/** Runs tasks; those that need nothing of one that failed are still run, so that one look shows all that is wrong. */
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
    .filter(({ task, command }) => task.startsWith('check:') && command !== '<NONEXISTENT>')
    .map(({ taskId, execution, cache }) => ({
      name: taskId.replace('//#', ''),
      seconds: execution ? seconds(execution.endTime - execution.startTime) : 0,
      result: cache.status === 'HIT' ? 'passed before' : execution?.exitCode === 0 ? 'passed' : 'FAILED',
    }));
}

function seconds(ms) {
  return ms / 1000;
}
