// Writes the public types of each published package to docs/api, with their doc comments, so that a change of one shows in a diff.
// node scripts/api.mjs --write   (without it: compares, and ends with 1 if a page is not current)
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

const LINES_MAX = 250;
const LINES_KEPT = 30;
const root = join(import.meta.dirname, '..');
const out = join(root, 'docs/api');
const isWriting = process.argv.includes('--write');
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

const packages = readdirSync(join(root, 'packages'))
  .map((folder) => ({ folder, manifest: readJson(join(root, 'packages', folder, 'package.json')) }))
  .filter(({ manifest }) => manifest.private !== true);
const entries = packages.flatMap(({ folder, manifest }) =>
  Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => entryOf(folder, subpath, target)),
);
const program = createProgram(entries.map(({ file }) => file));
const checker = program.getTypeChecker();
const declared = emitDeclarations(program);

mkdirSync(out, { recursive: true });
const stale = [];
for (const { folder, manifest } of packages) {
  const own = entries.filter((entry) => entry.folder === folder);
  if (own.length > 0) put(join(out, `${folder}.md`), pageOf(manifest, own));
}
put(join(out, 'index.md'), indexPage());
if (stale.length === 0) console.log(`api: ${packages.length} packages, every page is current`);
else {
  console.error(`not current: ${stale.join(', ')}; node scripts/api.mjs --write`);
  process.exitCode = 1;
}

/** The source of an entry point; none for files that are not modules, and for those of tests. */
function entryOf(folder, subpath, target) {
  const types = JSON.stringify(target).match(/\.\/dist\/([\w./-]+?)\.d\.c?ts/)?.[1];
  if (types === undefined || subpath.includes('*')) return [];
  const file = join(root, 'packages', folder, 'src', `${types}.ts`);
  return existsSync(file) ? [{ folder, subpath, file }] : [];
}

function createProgram(files) {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.json'),
    {},
    { ...ts.sys, onUnRecoverableConfigFileDiagnostic() {} },
  );
  const options = {
    ...config.options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    removeComments: false,
  };
  for (const name of ['incremental', 'tsBuildInfoFile', 'composite']) delete options[name];
  return ts.createProgram(files, { ...options, outDir: '/declared', rootDir: root });
}

/** The declarations of each source file, parsed. */
function emitDeclarations(from) {
  const files = new Map();
  from.emit(undefined, (name, text, _, __, sources) => {
    const [source] = sources ?? [];
    if (source !== undefined && name.endsWith('.d.ts'))
      files.set(source.fileName, ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true));
  });
  return files;
}

function pageOf(manifest, own) {
  const parts = own.flatMap((entry) => [`## ${join(manifest.name, entry.subpath)}`, '', ...symbolsOf(entry.file)]);
  const note = 'Written from the sources by `scripts/api.mjs`; do not edit it by hand.';
  // Its names would bury those of the other pages in a search.
  return [
    '---',
    'search: false',
    '---',
    '',
    `# ${manifest.name}`,
    '',
    manifest.description,
    '',
    note,
    '',
    ...parts,
  ].join('\n');
}

function symbolsOf(file) {
  const module = checker.getSymbolAtLocation(program.getSourceFile(file));
  const symbols = module === undefined ? [] : checker.getExportsOfModule(module);
  return symbols
    .map((symbol) => [symbol.name, textOf(symbol)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, text]) => [`### ${name}`, '', '```ts', text, '```', '']);
}

/** The declarations of a symbol as they are published, overloads included. */
function textOf(symbol) {
  const origin = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
  const sources = new Set((origin.declarations ?? []).map((one) => one.getSourceFile().fileName));
  const texts = [...sources].flatMap((source) => statementsOf(source, origin.name));
  return texts.length > 0 ? texts.join('\n') : `// from ${[...sources].map((one) => relative(root, one)).join(', ')}`;
}

function statementsOf(source, name) {
  const file = declared.get(source);
  if (file === undefined) return [];
  return file.statements
    .filter((one) => namesOf(one).includes(name))
    .map((one) =>
      shortened(file.text.slice(one.getStart(file, true), one.end).replaceAll(/^export declare /gm, 'export ')),
    );
}

/** A very long type, such as that of all routes, is cut; its hash still shows a change, and its parts are on the page by themselves. */
function shortened(text) {
  const lines = text.split('\n');
  if (lines.length <= LINES_MAX) return text;
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return [...lines.slice(0, LINES_KEPT), `// … ${lines.length - LINES_KEPT} more lines, ${hash}`].join('\n');
}

function namesOf(statement) {
  const isDefault = (ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : [])?.some(
    ({ kind }) => kind === ts.SyntaxKind.DefaultKeyword,
  );
  if (isDefault || ts.isExportAssignment(statement)) return ['default', statement.name?.text ?? ''];
  if (ts.isVariableStatement(statement)) return statement.declarationList.declarations.map((one) => one.name.getText());
  return statement.name === undefined ? [] : [statement.name.text];
}

function indexPage() {
  const rows = packages
    .filter(({ folder }) => entries.some((entry) => entry.folder === folder))
    .map(({ folder, manifest }) => `| [\`${manifest.name}\`](${folder}.md) | ${manifest.description} |`);
  return [
    '# API reference',
    '',
    'From the types and their comments.',
    '',
    '| Package | Contents |',
    '|---|---|',
    ...rows,
    '',
  ].join('\n');
}

function put(file, text) {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  if (isWriting) writeFileSync(file, text);
  else stale.push(relative(root, file));
}
