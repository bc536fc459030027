// The repository checks itself: layers, sizes, documentation. docs/ARCHITECTURE.md is true as long as
// this passes.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ERRORS, errorPage, LIMITS } from '@pik/schema';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

import { LAYERS, RULES } from './layers.ts';
import { proseFindings } from './prose.ts';

const root = join(import.meta.dirname, '..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const isTest = (file: string) => /\.test(-d)?\.ts$|\/test\//.test(file);
const sources = tracked.filter((file) => /^packages\/[^/]+\/src\/.*\.tsx?$/.test(file) && !isTest(file));
const code = tracked.filter((file) => /\.(tsx?|mjs)$/.test(file));

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
const PARAMETERS_MAX = 3;

interface Import {
  readonly from: string;
  readonly typeOnly: boolean;
}

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  for (const statement of parse(file).statements) {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) continue;
    const { moduleSpecifier } = statement;
    if (moduleSpecifier === undefined || !ts.isStringLiteral(moduleSpecifier)) continue;
    const typeOnly = ts.isImportDeclaration(statement)
      ? statement.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword
      : statement.isTypeOnly;
    const { text } = moduleSpecifier;
    found.push({ from: text.startsWith('.') ? normalize(join(dirname(file), text)) : text, typeOnly });
  }
  return found;
}

/** A call of `Math.max`, `push` or a similar function with a spread list, except a list that is written out. */
function isListCall({ expression, arguments: list }: ts.CallExpression): boolean {
  const isSpread = list.some((one) => ts.isSpreadElement(one) && !ts.isArrayLiteralExpression(one.expression));
  return isSpread && /(^Math\.(min|max)|\.(push|unshift|splice|fromCharCode))$/.test(expression.getText());
}

/** The file behind a subpath of a package that exports all its files. */
const sourceOf = (from: string) => from.replace(/^@pik\/(testkit|handlers)\/(.+)$/, 'packages/$1/src/$2.ts');

const parsed = new Map<string, ts.SourceFile>();
function parse(file: string): ts.SourceFile {
  const known = parsed.get(file);
  if (known !== undefined) return known;
  const source = ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true);
  parsed.set(file, source);
  return source;
}

/** Entry points of packages and programs, by their place under `src`. */
const ENTRIES = [
  ...['index', 'events', 'words', 'aws', 'http', 'internals', 'local', 'testing', 'investigator', 'outbox', 'vitest'],
  ...['main', 'reader', 'parser', 'demo-config', 'monitors', 'pictures', 'notebook', 'producer-thread'],
];
const FUNCTION_ENTRIES = ['aws', 'aws-stores', 'ingest', 'replay', 'investigate', 'processor', 'sweeper', 'watcher'];

describe('layers', () => {
  for (const { layer, files, may, types } of LAYERS) {
    it(`${layer} imports only what its row of the table allows`, () => {
      const wrong = sources
        .filter((file) => files.test(file))
        .flatMap((file) => importsOf(file).map((item) => ({ file, ...item })))
        .filter(({ from, typeOnly }) => !may.test(from) && !(typeOnly && types?.test(from)))
        .map(({ file, from }) => `${file} imports ${from}`);
      expect(wrong).toEqual([]);
    });
  }

  it('rules have no waiting, no clock, no randomness', () => {
    const impure = /\bawait\b|\basync\b|Date\.now|new Date\(\)|Math\.random|performance\.|randomUUID|node:/;
    const wrong = sources.filter(
      (file) => RULES.test(file) && impure.test(read(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')),
    );
    expect(wrong).toEqual([]);
  });

  it('code inside a service starts timers in one place only, outside of every async context', () => {
    const inServices = /^packages\/(schema|sdk|request-events|express-middleware|fastify-plugin)\/src\//;
    const OWN_TIMERS = 'packages/schema/src/own-timers.ts';
    const names = new Set(['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'nextTick']);
    const wrong: string[] = [];
    for (const file of sources.filter((name) => inServices.test(name) && name !== OWN_TIMERS)) {
      for (const { from } of importsOf(file)) if (/^(node:)?timers/.test(from)) wrong.push(`${file} imports ${from}`);
      const visit = (node: ts.Node) => {
        const isType = ts.isTypeQueryNode(node.parent ?? node);
        if (ts.isIdentifier(node) && names.has(node.text) && !isType) wrong.push(`${file} uses ${node.text}`);
        ts.forEachChild(node, visit);
      };
      visit(parse(file));
    }
    expect(wrong).toEqual([]);
  });

  it('no import reaches into the files of another package', () => {
    const packageOf = (file: string) => /^((packages|examples)\/[^/]+|[^/]+)\//.exec(file)?.[1];
    const wrong = code
      .filter((file) => /\.tsx?$/.test(file) && !/^scripts\//.test(file))
      .flatMap((file) => importsOf(file).map(({ from }) => ({ file, from })))
      .filter(
        ({ file, from }) =>
          /^(packages|examples|deploy|benchmarks)\//.test(from) && packageOf(from) !== packageOf(file),
      )
      .map(({ file, from }) => `${file} imports ${from}`);
    expect(wrong).toEqual([]);
  });

  it('no files import each other in a cycle, not even for types', () => {
    const importsIn = new Map(sources.map((file) => [file, importsOf(file).map(({ from }) => from)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, path: readonly string[]) => {
      const start = path.indexOf(file);
      if (start >= 0) cycles.push([...path.slice(start), file].join(' > '));
      if (start >= 0 || done.has(file)) return;
      for (const from of importsIn.get(file) ?? []) visit(from, [...path, file]);
      done.add(file);
    };
    for (const file of sources) visit(file, []);
    expect(cycles).toEqual([]);
  });

  it('every source file is reached from an entry point', () => {
    const isEntry = (file: string) =>
      ENTRIES.some((name) => file.endsWith(`/src/${name}.ts`)) ||
      file.endsWith('/src/app/main.tsx') ||
      // The platform replaces modules of Node in the build of the simulator.
      /^packages\/testkit\/src\/simulator\/(main|platform\/[^/]+)\.ts$/.test(file) ||
      FUNCTION_ENTRIES.some((name) => file === `packages/handlers/src/${name}.ts`);
    const entries = sources.filter(isEntry);
    const reached = new Set<string>();
    const walk = (file: string) => {
      if (reached.has(file) || !sources.includes(file)) return;
      reached.add(file);
      for (const { from } of importsOf(file)) walk(sourceOf(from));
    };
    for (const entry of entries) walk(entry);
    for (const file of sources) {
      for (const [, from] of read(file).matchAll(/\bimport\('(\.[^']+)'\)/g))
        walk(normalize(join(dirname(file), from as string)));
    }
    const forTests = code.filter(isTest).flatMap((file) => importsOf(file).map(({ from }) => sourceOf(from)));
    for (const file of forTests) walk(file);
    expect(sources.filter((file) => !reached.has(file))).toEqual([]);
  });
});

describe('dependencies', () => {
  /** The files and packages that a start loads: all but types, and what only a dynamic import loads. */
  function loader() {
    const loaded = new Set<string>();
    const load = (file: string) => {
      if (loaded.has(file)) return;
      loaded.add(file);
      for (const { from, typeOnly } of file.endsWith('.ts') ? importsOf(file) : []) if (!typeOnly) load(from);
    };
    return { loaded, load };
  }

  it('a producer loads no schema library, nor the schemas of all questions', () => {
    const { loaded, load } = loader();
    for (const entry of ['index', 'outbox', 'testing']) load(`packages/sdk/src/${entry}.ts`);
    for (const entry of ['request-events', 'express-middleware', 'fastify-plugin'])
      load(`packages/${entry}/src/index.ts`);
    expect(loaded).toContain('@pik/schema/events');
    load('packages/schema/src/events.ts');
    expect([...loaded].filter((name) => name === '@pik/schema' || name.startsWith('zod'))).toEqual([]);
  });

  it('a command that asks a server loads neither the engine nor a compiler of TypeScript', () => {
    const { loaded, load } = loader();
    load('packages/cli/src/program.ts');
    expect(loaded).toContain('@pik/sdk/investigator');
    expect([...loaded].filter((name) => /^(@pik\/engine|jiti)/.test(name))).toEqual([]);
  });

  it('the sdk brings one package besides our own', () => {
    const { dependencies } = JSON.parse(read('packages/sdk/package.json')) as { dependencies: object };
    expect(Object.keys(dependencies).sort()).toEqual(['@pik/aggregates', '@pik/schema', 'uuid']);
  });
});

describe('tests', () => {
  const tests = code.filter((file) => /\.test\.ts$|^packages\/testkit\/src\//.test(file));
  const callsIn = (file: string) => {
    const calls: ts.CallExpression[] = [];
    const visit = (node: ts.Node) => {
      if (ts.isCallExpression(node)) calls.push(node);
      ts.forEachChild(node, visit);
    };
    visit(parse(file));
    return calls;
  };

  it('take the number of their random histories from the budget', () => {
    const wrong = tests.flatMap((file) =>
      callsIn(file)
        .filter(({ expression }) => expression.getText() === 'fc.assert')
        .filter(({ arguments: [, parameters] }) => !/\b(runs|fixedRuns)\(/.test(parameters?.getText() ?? ''))
        .map((call) => `${file}: ${call.getText().slice(0, 60)}`),
    );
    expect(wrong).toEqual([]);
  });

  it('have no time limit of their own: it would depend on the speed of the machine', () => {
    const isTest = /^(it|test|(before|after)(All|Each))\b/;
    const wrong = tests.flatMap((file) =>
      callsIn(file)
        .filter(({ expression }) => isTest.test(expression.getText()))
        .filter(({ arguments: list }) => list.length > 1 && ts.isNumericLiteral(list.at(-1) as ts.Node))
        .map(({ arguments: list }) => `${file}: ${list.at(-1)?.getText()}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('sizes', () => {
  it(`no file has more than ${FILE_LINES_MAX} lines`, () => {
    expect(code.filter((file) => read(file).split('\n').length - 1 > FILE_LINES_MAX)).toEqual([]);
  });

  it('the port fits on a page', () => {
    expect(read(`packages/engine/src/ports/backend.ts`).split('\n').length).toBeLessThanOrEqual(150);
  });

  it(`no function has more than ${FUNCTION_LINES_MAX} lines or ${PARAMETERS_MAX} parameters`, () => {
    const wrong: string[] = [];
    for (const file of code.filter((name) => /\.tsx?$/.test(name) && !isTest(name))) {
      const source = parse(file);
      const visit = (node: ts.Node) => {
        if (
          ts.isFunctionLike(node) &&
          'body' in node &&
          node.body !== undefined &&
          !/\/(testkit|testing)\//.test(file)
        ) {
          const start = source.getLineAndCharacterOfPosition(node.getStart()).line;
          const lines = source.getLineAndCharacterOfPosition(node.end).line - start + 1;
          const at = `${file}:${start + 1}`;
          if (lines > FUNCTION_LINES_MAX) wrong.push(`${at} has ${lines} lines`);
          if (node.parameters.length > PARAMETERS_MAX) wrong.push(`${at} has ${node.parameters.length} parameters`);
        }
        ts.forEachChild(node, visit);
      };
      visit(source);
    }
    expect(wrong).toEqual([]);
  });
});

describe('options', () => {
  it('each that may be left out may be undefined too, for callers with `exactOptionalPropertyTypes`', () => {
    const isOptions = /(Options|Limits|Config|Drive)$|^(CatalogEntry|DefinedCatalog)$/;
    const mayBeUndefined = (type: ts.TypeNode) =>
      type.kind === ts.SyntaxKind.UnknownKeyword ||
      (ts.isUnionTypeNode(type) && type.types.some(({ kind }) => kind === ts.SyntaxKind.UndefinedKeyword));
    const wrong: string[] = [];
    for (const file of sources.filter(
      (name) => !/^packages\/cli\/src\/(?!config)|^packages\/testkit\/src\/(aws|fixtures)\//.test(name),
    )) {
      for (const statement of parse(file).statements) {
        if (!ts.isInterfaceDeclaration(statement) && !ts.isTypeAliasDeclaration(statement)) continue;
        if (!isOptions.test(statement.name.text)) continue;
        const visit = (node: ts.Node) => {
          if (ts.isPropertySignature(node) && node.questionToken && node.type && !mayBeUndefined(node.type))
            wrong.push(`${file}: ${statement.name.text}.${node.name.getText()}`);
          ts.forEachChild(node, visit);
        };
        visit(statement);
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('documentation', () => {
  it('every export of a source file has a doc comment', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      for (const statement of parse(file).statements) {
        const exported =
          ts.canHaveModifiers(statement) &&
          ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
        if (exported && ts.getJSDocCommentsAndTags(statement).length === 0)
          wrong.push(`${file}: ${statement.getText().slice(0, 60)}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('docs/errors.md and the table of errors say the same', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| `([A-Z0-9_]+)` \| (\d+) \| (yes|no) \|/gm)];
    const documented = Object.fromEntries(
      rows.map(([, name, status, retryable]) => [name, { status: Number(status), retryable: retryable === 'yes' }]),
    );
    const known = Object.fromEntries(
      Object.entries(ERRORS).map(([name, { status, retryable }]) => [name, { status, retryable }]),
    );
    expect(documented).toEqual(known);
  });

  it('docs/errors.md has a heading with cause, example and fix for each code', () => {
    const parts = read('docs/errors.md').split(/^### /m).slice(1);
    const said = new Map(parts.map((part) => [part.split('\n', 1)[0], part]));
    expect([...said.keys()].sort()).toEqual(Object.keys(ERRORS).sort());
    for (const part of said.values()) expect(part).toMatch(/^[A-Z0-9_]+\n\n\S.* For example: \S.*\n\n\S/);
  });

  it('the page of errors is that of the repository that package.json names', () => {
    const { homepage } = JSON.parse(read('package.json')) as { homepage: string };
    expect(errorPage('JSON_SYNTAX')).toBe(`${homepage.replace('#readme', '')}/blob/main/docs/errors.md#json_syntax`);
  });

  it('docs/limits.md and the limits say the same', () => {
    const rows = [...read('docs/limits.md').matchAll(/^\| `([a-z0-9_]+)` \| (\d+) \|/gm)];
    expect(Object.fromEntries(rows.map(([, name, value]) => [name, Number(value)]))).toEqual({ ...LIMITS });
  });

  it('every test file that the guarantees name exists', () => {
    const named = [
      ...read('docs/guarantees.md').matchAll(
        /`((?:aggregates|engine|testkit|handlers|schema|sdk|render|cli|verifier|request-events|express-middleware|fastify-plugin)\/[^`]+\.ts)`/g,
      ),
    ].map(([, file]) => `packages/${file}`);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it('no list becomes the arguments of a call: above some hundred thousand items that is a RangeError', () => {
    const spread: string[] = [];
    for (const file of sources.filter((name) => !name.includes('/testkit/'))) {
      const visit = (node: ts.Node): void => {
        if (ts.isCallExpression(node) && isListCall(node)) spread.push(`${file}: ${node.getText().slice(0, 80)}`);
        ts.forEachChild(node, visit);
      };
      visit(parse(file));
    }
    expect(spread).toEqual([]);
  });

  it('nothing is left to do in a comment, and no file names a registry or a path of one machine', () => {
    const marks = new RegExp(['TO', 'DO\\b|FIX', 'ME\\b|registry\\.npm', 'js|/wo', 'rk/|/ro', 'ot/'].join(''));
    expect(tracked.filter((file) => file !== 'package-lock.json' && marks.test(read(file)))).toEqual([]);
    expect(/"resolved": "https?:/.test(read('package-lock.json'))).toBe(false);
  });
});

describe('prose', () => {
  /** They quote what is refused; the titles in docs/faults.md are checked in the tests that it quotes. */
  const quoting = /^scripts\/prose(\.test)?\.ts$|^docs\/faults\.md$/;
  const texts = tracked.filter((file) => /\.(md|[cm]?ts|tsx|mjs)$/.test(file) && !quoting.test(file));
  const findingsIn = (file: string) =>
    proseFindings(file, read(file), file.endsWith('.md') ? undefined : parse(file)).map(
      ({ line, rule, text, instead }) => `${file}:${line} (${rule}) "${text}": ${instead}`,
    );

  it('has none of the patterns that scripts/prose.ts refuses', () => {
    expect(texts.flatMap(findingsIn)).toEqual([]);
  });
});
