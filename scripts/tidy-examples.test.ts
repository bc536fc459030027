import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { examplesIn, examplesOfPage, importsIn, moduleOf, nameOf } from './examples.ts';

const root = join(import.meta.dirname, '..');
const listed = (...patterns: string[]) =>
  execFileSync('git', ['ls-files', ...patterns], { cwd: root, encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
const read = (file: string) => readFileSync(join(root, file), 'utf8');

describe('an example', () => {
  const text = [
    '/** No example: name@example.org */',
    'export const a = 1;',
    '/**',
    ' * Says it.',
    ' *',
    ' * @example say(1);',
    ' */',
    'export function say() {}',
    'class Group {',
    '  /**',
    '   * @example',
    "   * import { say } from './say.ts';",
    '   *',
    '   * say({',
    '   *   two: 2,',
    '   * });',
    '   *',
    '   * @throws Error',
    '   */',
    '  run() {}',
    '}',
  ].join('\n');
  const [one, two, ...more] = examplesIn('packages/x/src/a/b.ts', text);

  it('ends at the next tag or with its comment, and keeps its indentation', () => {
    expect(one).toEqual({ file: 'packages/x/src/a/b.ts', line: 6, code: 'say(1);' });
    expect(two?.code).toBe("import { say } from './say.ts';\n\nsay({\n  two: 2,\n});");
    expect([two?.line, more]).toEqual([11, []]);
  });

  it('becomes a module that names its place and imports the source next to it', () => {
    if (two === undefined) throw new Error('there is no second example');
    expect(nameOf(two)).toBe('packages-x-src-a-b-ts-11.ts');
    expect(moduleOf(two, '.turbo/examples')).toContain("from '../../packages/x/src/a/say.ts';");
  });

  it('of a page imports a package of the kit, and is not copied from a file', () => {
    const block = (code: string, before = '') => `${before}\`\`\`ts\n${code}\n\`\`\`\n`;
    const imported = "import { a } from '@pik/sdk';";
    const page = block(imported) + block('a();') + block(imported, '<!-- from a.ts -->\n');
    expect(examplesOfPage('docs/a.md', page)).toEqual([{ file: 'docs/a.md', line: 1, code: `${imported}\n` }]);
  });

  it('is found by what a text imports', () => {
    const imports = importsIn("import { type A, b, c as d } from '@pik/sdk';\nimport { e } from 'zod';\n");
    expect(imports).toEqual([
      { module: '@pik/sdk', name: 'b' },
      { module: '@pik/sdk', name: 'c' },
    ]);
  });
});

/** The entries whose functions a user calls. */
const ENTRIES = [
  ...['index', 'investigator', 'outbox', 'testing', 'vitest'].map((name) => `packages/sdk/src/${name}.ts`),
  ...['express-middleware/src/index', 'fastify-plugin/src/index', 'cli/src/index'].map((name) => `packages/${name}.ts`),
];
/** Used by the kit's other packages only. */
const INTERNAL = new Set(['questionMethods']);

const sources = listed('packages/*/src/**.ts').filter((file) => !/\.test\.ts$|\/testkit\//.test(file));
const declared = new Map<string, string>();
for (const file of sources) {
  const text = read(file);
  for (const { 1: name = '', index } of text.matchAll(/^export (?:async )?(?:function\*?|class) (\w+)/gm)) {
    const comment = text.slice(0, index).trimEnd();
    declared.set(name, comment.endsWith('*/') ? comment.slice(comment.lastIndexOf('/**')) : '');
  }
}

it('each function that a user calls has an example', () => {
  const shown = listed('README.md', 'docs/*.md', 'packages/*/README.md', 'examples/**.ts').flatMap((file) =>
    importsIn(read(file)).flatMap(({ module, name }) => (module.startsWith('@pik/example') ? [] : [name])),
  );
  const exported = ENTRIES.flatMap((file) =>
    [...read(file).matchAll(/export \{([^}]*)\}|export (?:async )?function (\w+)/g)].flatMap(([, names, own = '']) =>
      names === undefined ? [own] : names.split(',').map((name) => name.trim().split(' ')[0] ?? ''),
    ),
  );
  const called = [...new Set([...shown, ...exported])].filter((name) => declared.has(name) && !INTERNAL.has(name));
  expect(called.length).toBeGreaterThan(20);
  expect(called.filter((name) => !declared.get(name)?.includes('@example'))).toEqual([]);
});
