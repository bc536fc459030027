// Measures how the house reads: files, functions, casts, cycles, files per report, and the files that a reader opens on five
// walks. `node scripts/house.mjs [CHECKOUT]` prints one line per figure; docs/house.md has those of each large change.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import ts from 'typescript';

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
const FUNCTION_LINES_MAX = 70;

/** The files that a reader opens, in order; a walk ends where its answer leaves the process. */
const WALKS = {
  ingest: `http/app http/hosts http/auth http/query http/ingest-handler api/pipeline-parts runtime/in-flight http/media-type http/body
    http/decompress runtime/limiter ingest/ingest ingest/rules/record-split ingest/rules/json-scan ingest/rules/parse-record
    ingest/rules/record-fields ingest/rules/payload-hash storage/pack-store storage/rules/pack-codec backends/local/raw-log
    backends/local/create-only ingest/rules/outcomes backends/local/event-index backends/local/group-commit backends/local/writer
    backends/local/key-index backends/local/interning backends/local/codec ingest/rules/classify ingest/rules/slices
    ingest/rules/sequences statistics/histogram storage/rules/slice-codec backends/local/verdict-journal ingest/rules/result
    http/answer http/request-log`,
  replay: `http/replay-handlers http/json-body api/pipeline-parts replay/replay replay/replay-request backends/local/replay-store
    backends/local/history replay/rules/replay-view replay/walk replay/rules/selection replay/rules/replay-message
    backends/local/replay-queue replay/replay-records replay/worker replay/consume replay/recompute-windows
    aggregates/recompute-window backends/local/aggregate-store runtime/context aggregates/window-inputs storage/rules/slice-codec
    aggregates/fold-window aggregates/payloads storage/pack-store backends/local/raw-log aggregates/manifest-store
    aggregates/rules/manifest aggregates/rules/version-view`,
  lag: `http/app http/question-handlers api/answers reports/lag/lag reports/report-page reports/rules/report-scope reports/report-slices runtime/pages
    backends/local/reader reports/lag/rules/lag-report statistics/histogram storage/rules/slice-codec reports/lag/rules/lag-details
    reports/lag/rules/arrivals reports/lag/rules/runs statistics/column statistics/top-ranked reports/lag/rules/clock-faults
    reports/rules/groups storage/rules/event-view`,
  change: `http/question-handlers api/answers change/explain-change change/change-sides aggregates/manifest-store
    aggregates/rules/version-view aggregates/window-inputs aggregates/fold-window change/change-facts aggregates/payloads
    change/change-fold @aggregates/change/change-diff @aggregates/change/change-classes @aggregates/change/attributed
    @aggregates/change/change-attribution @aggregates/change/shapley @aggregates/change/change-deciders
    @aggregates/change/change-explain @aggregates/change/change-sentence`,
  emit: `@sdk/producer/create-producer @sdk/producer/batching-producer @sdk/producer/series @sdk/producer/capture
    @sdk/producer/captured @sdk/producer/event-delivery @sdk/producer/batch-contents @sdk/producer/inline-poster
    @sdk/producer/thread/producer-poster @sdk/producer/pending-event @sdk/producer/producer-outbox @sdk/outbox/disk-outbox @sdk/outbox/write-buffer @sdk/outbox/format
    @sdk/outbox/segment-index @sdk/outbox/segment-writer @sdk/outbox/files @sdk/producer/queue @sdk/producer/delivery
    @sdk/producer/circuit-breaker @sdk/producer/transport @sdk/producer/compression @sdk/producer/post @sdk/producer/post-node
    @sdk/producer/results @sdk/producer/result-tracker @sdk/producer/outbox-acks @sdk/outbox/compactor @sdk/outbox/cursor`,
};

const tracked = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8', maxBuffer: 1e8 }).split('\n');
const sources = tracked.filter(
  (file) =>
    /^packages\/[^/]+\/src\/.*\.ts$/.test(file) &&
    !/\.test\.ts$|\/(testkit|handlers\/src\/testing)\//.test(file) &&
    existsSync(join(root, file)),
);
const known = new Set(sources);
const lines = [];
const graph = new Map();
let longFunctions = 0;
let casts = 0;
for (const file of sources) {
  const text = readFileSync(join(root, file), 'utf8');
  lines.push(text.split('\n').length - 1);
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const imports = [];
  const visit = (node) => {
    if (ts.isAsExpression(node) && !ts.isConstTypeReference(node.type)) casts += 1;
    if (ts.isFunctionLike(node) && node.body && lineCount(source, node) > FUNCTION_LINES_MAX) longFunctions += 1;
    const from = node.moduleSpecifier?.text;
    if (from?.startsWith('.')) imports.push(normalize(join(dirname(file), from)));
    ts.forEachChild(node, visit);
  };
  visit(source);
  graph.set(
    file,
    imports.filter((name) => known.has(name)),
  );
}
lines.sort((a, b) => a - b);
const total = lines.reduce((sum, count) => sum + count, 0);
print('source files of the packages', sources.length);
print('lines', total);
print('median and longest file', `${lines[lines.length >> 1]}, ${lines.at(-1)}`);
print('most files in one folder', mostInAFolder());
print(`functions of more than ${FUNCTION_LINES_MAX} lines`, longFunctions);
print('casts, per thousand lines', `${casts}, ${((1000 * casts) / total).toFixed(1)}`);
print('cycles of imports, types included', cycles().length);
const perReport = sources.filter((file) => /completeness/i.test(readFileSync(join(root, file), 'utf8'))).length;
print('source files that name one report (completeness)', perReport);
for (const [name, text] of Object.entries(WALKS)) {
  const files = text.trim().split(/\s+/);
  const gone = files.filter((file) => !known.has(pathOf(file)));
  const note = gone.length === 0 ? '' : `; not there: ${gone.join(', ')}`;
  print(
    `walk: ${name}, files and folders`,
    `${files.length}, ${new Set(files.map((file) => dirname(file))).size}${note}`,
  );
}

/** A step of a walk: a file of the engine, or of another package as `@package/file`. */
function pathOf(step) {
  const [, name = 'engine', file = step] = /^@([^/]+)\/(.+)$/.exec(step) ?? [];
  return `packages/${name}/src/${file}.ts`;
}

function lineCount(source, node) {
  const line = (position) => source.getLineAndCharacterOfPosition(position).line;
  return line(node.end) - line(node.getStart()) + 1;
}

function mostInAFolder() {
  const counts = new Map();
  for (const file of sources) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  const [folder, count] = [...counts].sort(([, a], [, b]) => b - a)[0];
  return `${count} in ${folder}`;
}

/** Groups of files that reach each other: Tarjan's strongly connected components of more than one file. */
function cycles() {
  const state = { next: 0, order: new Map(), low: new Map(), stack: [], found: [] };
  for (const file of graph.keys()) if (!state.order.has(file)) connect(file, state);
  return state.found;
}

function connect(file, state) {
  const { order, low, stack } = state;
  order.set(file, state.next);
  low.set(file, state.next);
  state.next += 1;
  stack.push(file);
  for (const to of graph.get(file)) {
    if (!order.has(to)) connect(to, state);
    if (stack.includes(to)) low.set(file, Math.min(low.get(file), low.get(to)));
  }
  if (low.get(file) !== order.get(file)) return;
  const group = stack.splice(stack.indexOf(file));
  if (group.length > 1) state.found.push(group);
}

function print(name, value) {
  console.log(`${name.padEnd(52)} ${value}`);
}
