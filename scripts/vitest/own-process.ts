import { readFileSync } from 'node:fs';

/**
 * The signs of a test that changes its process: spies, stubs, false timers, and calls of the process itself. Plain ids replace
 * the random bytes of the whole process: another file in it then makes the same pack id twice.
 */
const CHANGES_PROCESS = /\bvi\.\w|\bprocess\.\w|\bglobalThis\b|\buse(VirtualTime|PlainIds)\b/;

/**
 * True for a test file that runs in a process of its own. All others share two processes and the modules in them: to start a
 * process and to load the modules takes longer than most tests do.
 */
export function needsOwnProcess(file: string): boolean {
  return file.endsWith('.e2e.test.ts') || CHANGES_PROCESS.test(readFileSync(file, 'utf8'));
}
