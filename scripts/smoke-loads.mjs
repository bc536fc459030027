// Requires the build in a bare environment: in a context of its own, as Jest runs tests, whose loader takes only CommonJS.
// Loading must not use anything that an environment may lack. Plain JavaScript: Node 20 reads no TypeScript.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire, isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';

const from = (name) => fileURLToPath(new URL(`../packages/${name}/package.json`, import.meta.url));
const EVERYWHERE = [
  '@pik/schema',
  '@pik/schema/events',
  '@pik/schema/words',
  '@pik/sdk',
  '@pik/sdk/investigator',
  '@pik/sdk/testing',
];
const ENTRIES = [
  ...EVERYWHERE.map((name) => [name, from('sdk')]),
  ['@pik/sdk/outbox', from('sdk')],
  ['@pik/request-events', from('fastify-plugin')],
  ['@pik/express-middleware', from('express-middleware')],
  ['@pik/fastify-plugin', from('fastify-plugin')],
];

/** Nothing but the language. */
const bare = loaderOf({});
for (const [name, asker] of ENTRIES.filter(([entry]) => EVERYWHERE.includes(entry))) assert.ok(bare(name, asker), name);

/** The globals of jsdom as Jest sets it up, without TextEncoder, TextDecoder, fetch, Request, Response, Headers. */
const page = loaderOf({
  ...{ console, setTimeout, clearTimeout, setImmediate, performance, process, Buffer },
  ...{
    AbortController,
    AbortSignal,
    URL,
    URLSearchParams,
    crypto: globalThis.crypto ?? (await import('node:crypto')).webcrypto,
  },
});
for (const [name, asker] of ENTRIES) assert.ok(page(name, asker), name);

const { createCollectingProducer } = page('@pik/sdk/testing', from('sdk'));
const collecting = createCollectingProducer();
const sent = collecting.emit('clicked', { name: 'é €' }, { entity_id: 'user_1' });
await collecting.flush();
assert.equal((await sent.result).status, 'ACCEPTED');
assert.equal(collecting.events.length, 1);
await collecting.close();

const { createProducer, KitError } = page('@pik/sdk', from('sdk'));
const { createInvestigator } = page('@pik/sdk/investigator', from('sdk'));
const url = await listen();
assert.throws(() => createInvestigator({ url }), isWithoutFetch);
if (process.getBuiltinModule === undefined) {
  assert.throws(() => createProducer({ url, source: 's' }), isWithoutFetch);
} else {
  const producer = createProducer({ url, source: 's', attemptsMax: 1, log: () => {} });
  const { status, code } = await producer.emit('clicked', { name: 'é' }, { entity_id: 'user_1' }).result;
  assert.deepEqual([status, code], ['UNDELIVERED', 'ANSWER_NOT_OURS']);
  await producer.close({ signal: AbortSignal.timeout(1_000) });
}
console.log(`Node ${process.version}: ${ENTRIES.length} entries load in contexts of their own`);
process.exit(0);

function isWithoutFetch(error) {
  return KitError.is(error) && error.code === 'CONFIG_INVALID' && error.path === '/fetch';
}

/** A server that answers, and is not the kit. */
async function listen() {
  const server = createServer((request, response) => request.resume().on('end', () => response.end('{}')));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${server.address().port}`;
}

/** Requires packages within a context, as Jest does: CommonJS alone. */
function loaderOf(globals) {
  const context = vm.createContext(globals);
  vm.runInContext('globalThis.globalThis = globalThis; globalThis.global = globalThis;', context);
  const cache = new Map();
  const load = (file) => {
    if (isBuiltin(file)) return createRequire(import.meta.url)(file);
    const known = cache.get(file);
    if (known !== undefined) return known.exports;
    if (isEsModule(file)) throw new Error(`${file} is an ES module`);
    const module = { exports: {} };
    cache.set(file, module);
    const text = `(function (module, exports, require, __filename, __dirname) {${readFileSync(file, 'utf8')}\n})`;
    const own = createRequire(file);
    const run = vm.runInContext(text, context, { filename: file });
    run(module, module.exports, (name) => load(own.resolve(name)), file, dirname(file));
    return module.exports;
  };
  return (name, asker) => load(createRequire(asker).resolve(name));
}

function isEsModule(file) {
  if (!file.endsWith('.js')) return file.endsWith('.mjs');
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    try {
      return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).type === 'module';
    } catch {
      if (folder === dirname(folder)) return false;
    }
  }
}
