// A copy of the shared harness for middleware whose server supports our middleware, and whose sink answers as the
// backend does.
import { cpSync, existsSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const repository = resolve(import.meta.dirname, '..', '..');

/** Copies the harness; the server of the copy supports our middleware, and its sink answers as the backend does. */
export function taughtHarness(folder, { isLoaded = false, repeats = 1 } = {}) {
  if (folder === undefined || !existsSync(join(folder, 'node_modules')))
    throw new Error('HARNESS must name the installed harness');
  const copy = mkdtempSync(join(tmpdir(), 'pik-mw-'));
  for (const name of ['mwpair.mjs', 'mwserver.mjs', 'package.json']) cpSync(join(folder, name), join(copy, name));
  const pairing = readFileSync(join(copy, 'mwpair.mjs'), 'utf8');
  if (!pairing.includes('k >= 4')) throw new Error('the harness has changed');
  writeFileSync(join(copy, 'mwpair.mjs'), pairing.replace('k >= 4', `k >= ${repeats}`));
  symlinkSync(join(resolve(folder), 'node_modules'), join(copy, 'node_modules'));
  const own = (path) => pathToFileURL(join(repository, path)).href;
  const sink = `process.env.HARNESS = ${JSON.stringify(resolve(folder))};\nawait import('${own('benchmarks/src/producer-sink.mjs')}');\n`;
  writeFileSync(join(copy, 'sink.mjs'), sink);
  const producer = `(await import('${own('packages/sdk/dist/index.js')}')).createProducer({ url: sinkUrl, source: 'bench' })`;
  const about = `const events = mw({ producer }); extra = () => { const { undelivered, rejected } = producer.stats(); return { dropped: undelivered + rejected + events.stats().failed } };`;
  const server = withExpress4(withMainThread(readFileSync(join(copy, 'mwserver.mjs'), 'utf8')));
  const express = `if (v === 'pik') { const mw = (await import('${own('packages/express-middleware/dist/index.js')}')).createExpressEvents; const producer = ${producer}; ${about} app.use(events) }\n`;
  const fastify = `if (v === 'pik') { const mw = (await import('${own('packages/fastify-plugin/dist/index.js')}')).createFastifyEvents; const producer = ${producer}; ${about} app.register(events) }\n`;
  const patched = server
    .replace("  if (v === 'morgan')", () => `  ${express}  if (v === 'morgan')`)
    .replace("  if (v === 'hook-only')", () => `  ${fastify}  if (v === 'hook-only')`);
  if (!patched.includes(express) || !patched.includes(fastify)) throw new Error('the harness has changed');
  const library = isLoaded ? `import '${import.meta.resolve('zod')}';\n` : '';
  writeFileSync(join(copy, 'mwserver.mjs'), library + patched);
  return copy;
}

/** The server also reports the CPU time of its main thread, on Node from 22.15 on, which has it. */
function withMainThread(server) {
  const before = 'return { cpuUs: c.user + c.system,';
  const after = `const m = process.threadCpuUsage?.(); return { mainUs: m && m.user + m.system, cpuUs: c.user + c.system,`;
  return replaced(server, before, after);
}

/** Variants of Express also exist as `express4-…`. */
function withExpress4(server) {
  const named = replaced(server, 'const [fw, ...rest]', 'const [framework, ...rest]').replace(
    "const v = rest.join('-')",
    () => "const v = rest.join('-'), fw = framework.replace('4', '')",
  );
  const express4 = JSON.stringify(join(repository, 'node_modules/express4'));
  return replaced(named, "require('express')", `require(framework === 'express4' ? ${express4} : 'express')`);
}

function replaced(text, before, after) {
  if (!text.includes(before)) throw new Error('the harness has changed');
  return text.replace(before, () => after);
}
