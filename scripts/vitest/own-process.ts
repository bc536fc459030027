import { readFileSync } from 'node:fs';

/** Members of `process` that change the process, or measure it. */
const MEMBERS =
  'chdir|emit|emitWarning|exit|exitCode|kill|listeners|memoryUsage|off|on|once|remove\\w+|stderr|stdin|stdout|umask';

/**
 * The signs of a test that changes its process: spies, stubs, false timers, variables of its environment, and calls of the process
 * itself. Not a process of a test's own, such as `world.process`, nor a copy of the environment for one.
 */
const CHANGES_PROCESS = new RegExp(
  String.raw`\bvi\.\w|\bglobalThis\b|\buseVirtualTime\b|(?<![.\w])process(\.(${MEMBERS})\b|\[)|(?<!\.\.\.)\bprocess\.env\b`,
);

/**
 * True for a test file that runs in a process of its own. All others share two processes and the modules in them: to start a
 * process and to load the modules takes longer than most tests do.
 */
export function needsOwnProcess(file: string): boolean {
  return file.endsWith('.e2e.test.ts') || CHANGES_PROCESS.test(readFileSync(file, 'utf8'));
}
