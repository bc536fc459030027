// Follows the guide in a copy of the repository, then asks the new question in every way.
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../..');
const copy = mkdtempSync(join(tmpdir(), 'new-question-'));
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const PACKAGES = [
  'schema',
  'aggregates',
  'engine',
  'sdk',
  'render',
  'console',
  'cli',
  'testkit',
  'taps',
  'mcp',
  'verifier',
];
/** Contract tests, which have no code for this question. */
const CONTRACTS = ['engine/test/local/memory-backend.contract.test.ts', 'engine/test/http/app.contract.test.ts'].map(
  (file) => `packages/${file}`,
);

/** A file of the guide, with its full text or the lines to add. */
interface Step {
  readonly file: string;
  readonly lines: readonly string[];
  readonly isAdded: boolean;
}

function stepsOfGuide(): Step[] {
  const guide = readFileSync(join(root, 'docs/DEVELOPER_GUIDE.md'), 'utf8');
  const section = /^## A new question\n(.*?)^## /ms.exec(guide)?.[1] ?? '';
  return [...section.matchAll(/```ts\n\/\/ (\S+?)(, next to lag)?\n(.*?)```/gs)].map(
    ([, file = '', added, text = '']) => ({
      file,
      lines: text.trimEnd().split('\n'),
      isAdded: added !== undefined,
    }),
  );
}

/** Inserts each line after the same line for `lag`, or before the entry of `lag` if there is no such line. */
function addBesideLag(text: string, lines: readonly string[]): string {
  const all = text.split('\n');
  for (const line of lines) {
    const like = all.indexOf(line.replaceAll('sources', 'lag'));
    const entry = all.findIndex((one) => /^\s+lag: \{$/.test(one));
    expect([line, Math.max(like, entry) > 0]).toEqual([line, true]);
    all.splice(like > 0 ? like + 1 : entry, 0, line);
  }
  return all.join('\n');
}

const steps = stepsOfGuide();

beforeAll(() => {
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  for (const file of ['package.json', 'tsconfig.json', 'tsconfig.base.json', 'vitest.config.ts', 'vitest.base.ts'])
    cpSync(join(root, file), join(copy, file));
  cpSync(join(root, 'scripts/vitest'), join(copy, 'scripts/vitest'), { recursive: true });
  for (const name of PACKAGES) {
    const [from, to] = [join(root, 'packages', name), join(copy, 'packages', name)];
    cpSync(join(from, 'src'), join(to, 'src'), { recursive: true });
    cpSync(join(from, 'package.json'), join(to, 'package.json'));
    // Dependencies that npm keeps in the package.
    const own = join(from, 'node_modules');
    if (existsSync(own)) symlinkSync(own, join(to, 'node_modules'));
  }
  for (const file of CONTRACTS) cpSync(join(root, file), join(copy, file));
  const asked = 'packages/cli/test/support/new-question';
  cpSync(join(root, `${asked}.ts`), join(copy, `${asked}.test.ts`));
  for (const { file, lines, isAdded } of steps) {
    const place = join(copy, file);
    mkdirSync(dirname(place), { recursive: true });
    writeFileSync(place, isAdded ? addBesideLag(readFileSync(place, 'utf8'), lines) : lines.join('\n'));
  }
});

/** Runs tests in the copy and returns how many passed. Throws if one fails. */
function passed(...args: string[]): number {
  const report = join(copy, 'report.json');
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const options = ['--reporter=json', `--outputFile=${report}`, '--no-cache'];
  execFileSync(process.execPath, [vitest, 'run', '--root', copy, ...args, ...options], { stdio: 'pipe' });
  return (JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests: number }).numPassedTests;
}

describe('the guide to a new question', () => {
  it('touches nine files at most, with the page that is written and the changeset', () => {
    const files = new Set(steps.map(({ file }) => file));
    expect([...files].filter((file) => file.startsWith('packages/'))).toHaveLength(7);
    expect(files.size + ['docs/questions.md', '.changeset/….md'].length).toBeLessThanOrEqual(9);
  });

  it('gives a route, a method, a command and a notebook, each with the same answer', () => {
    expect(passed('packages/cli/test/support/new-question.test.ts')).toBe(5);
  });

  it('has its scope, its wrong values, its foreign cursors, its pages and its answers tested', () => {
    // Its scope by two methods, wrong values, a cursor; then over a backend the pages and the answers of all questions.
    expect(
      passed(...CONTRACTS, '-t', 'sources (opens|refuses)|opens sources|like a backend in memory|pages of a report'),
    ).toBe(6);
  });
});
