import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const folder = join(import.meta.dirname, '../.github/workflows');
const workflows = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')] as const);

describe('workflows', () => {
  it.each(workflows)('%s: every action is pinned to a commit, with its version in a comment', (_, text) => {
    const used = [...text.matchAll(/uses: (.+)$/gm)].map(([, action]) => action);
    expect(used.length).toBeGreaterThan(0);
    for (const action of used) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it.each(workflows)('%s: may read the repository and nothing else', (name, text) => {
    expect(text).toMatch(/^permissions:\n {2}contents: read$/m);
    // Publishing also asks for an identity of the workflow, in its own job and environment.
    const more = text.match(/^ +permissions:\n(?: +[\w-]+: \w+\n)+/gm) ?? [];
    expect(more.map((rights) => rights.replaceAll(/\s+/g, ' ').trim())).toEqual(
      name === 'release.yml' ? ['permissions: contents: read id-token: write'] : [],
    );
    // The token must not stay in the checkout, where a script of a dependency could read it.
    expect(text.match(/actions\/checkout@/g)?.length).toBe(text.match(/persist-credentials: false/g)?.length);
  });

  it('run checks that turbo and npm know, each night too', () => {
    const read = (name: string) => readFileSync(join(import.meta.dirname, '..', name), 'utf8');
    const { tasks } = JSON.parse(read('turbo.json')) as { tasks: Record<string, object> };
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = [...read('scripts/verify.mjs').matchAll(/'((?:check|mutate):[\w:]+)'/g)].map(([, name = '']) => name);
    expect(named.length).toBeGreaterThan(10);
    // Turbo starts none of the checks if it does not know one of them.
    expect(named.filter((name) => !(`//#${name}` in tasks || name in tasks))).toEqual([]);
    expect(named.filter((name) => !(name in scripts || name in tasks))).toEqual([]);
  });

  it('run what a contributor runs', () => {
    const all = workflows.map(([, text]) => text).join('\n');
    expect(all).toContain('run: .ci/run');
    expect(all).toContain('run: npm run verify:nightly');
  });
});

describe('deploy/machine', () => {
  const root = join(import.meta.dirname, '..');
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  const dependenciesOf = (folder: string): string[] => {
    const { dependencies = {} } = JSON.parse(read(`packages/${folder}/package.json`)) as {
      dependencies?: Record<string, string>;
    };
    return Object.keys(dependencies).flatMap((name) => (name.startsWith('@pik/') ? name.slice('@pik/'.length) : []));
  };

  it('the Containerfile installs the command line with all packages of ours that it needs', () => {
    const needed = new Set(['cli']);
    for (const folder of needed) for (const name of dependenciesOf(folder)) needed.add(name);
    for (const name of needed) expect(read('deploy/machine/Containerfile')).toContain(`/tmp/packages/*-${name}-*.tgz`);
  });

  it('the units start the published command line', () => {
    const { release } = JSON.parse(read('package.json')) as { release: { scope: string } };
    for (const unit of ['pik.service', 'pik-backup.service'])
      expect(read(`deploy/machine/${unit}`)).toContain(`/opt/pik/node_modules/${release.scope}/cli/dist/main.js`);
  });
});
