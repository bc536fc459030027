import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import own from '../package.json' with { type: 'json' };
import { createProgram } from '../src/program.ts';
import { runPik } from './support/run-pik.ts';

async function printed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runPik(...args);
  expect([code, stderr]).toEqual([0, '']);
  return stdout.trimEnd();
}

/** Suggestions of a shell after these words, of which the last is incomplete. */
async function suggestions(...words: readonly string[]): Promise<string[]> {
  const lines = (await printed('complete', '--', ...words)).split('\n');
  // The last line tells the shell how to use the others.
  expect(lines.pop()).toMatch(/^:\d+$/);
  return lines.map((line) => line.split('\t')[0] ?? '');
}

describe('completion', () => {
  it('suggests every command', async () => {
    const { commands } = createProgram(() => {});
    const visible = commands.map((command) => command.name()).filter((name) => name !== 'complete');
    expect(await suggestions('')).toEqual(expect.arrayContaining(visible));
    expect(await suggestions('dead')).toEqual(['dead-letters']);
  });

  it('suggests the options of the command, of a subcommand too', async () => {
    expect(await suggestions('lag', '--wor')).toEqual(['--worst']);
    expect(await suggestions('explain', 'change', '--met')).toEqual(['--metric']);
    expect(await suggestions('verify', '--wor')).toEqual([]);
  });

  it.each(['bash', 'zsh', 'fish'])('prints a script for %s that calls pik', async (shell) => {
    const script = await printed('completion', shell);
    expect(script).toContain('pik complete --');
    if (shell === 'bash') expect(spawnSync('bash', ['-n'], { input: script }).status).toBe(0);
  });
});

describe('--version', () => {
  it('names the versions of pik and of Node', async () => {
    const { code, stdout } = await runPik('--version');
    expect([code, stdout]).toEqual([0, `pik ${own.version} on Node ${process.versions.node}\n`]);
  });
});
