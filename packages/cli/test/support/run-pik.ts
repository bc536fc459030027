import { vi } from 'vitest';

import { run } from '../../src/program.ts';

/** The output of a command and its exit status. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Output so far of the running command. */
export const printing = { stdout: '', stderr: '' };

/** Runs `pik` with these arguments in this process, one command at a time: what takes a second as a process takes milliseconds. */
export async function runPik(...args: readonly string[]): Promise<Ran> {
  Object.assign(printing, { stdout: '', stderr: '' });
  const spies = [
    ...(['stdout', 'stderr'] as const).map((name) =>
      vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
        printing[name] += String(chunk);
        return true;
      }),
    ),
    // Vitest's console does not write to the stream; the library of completions uses the console.
    vi.spyOn(console, 'log').mockImplementation((text) => {
      printing.stdout += `${text}\n`;
    }),
  ];
  try {
    return { code: await run(args), ...printing };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}
