// A process with a producer and an investigator for one URL. It prints the result of each, and the configured route.
import http from 'node:http';
import { inspect } from 'node:util';
import { createProducer } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';

const [way = '', url = ''] = process.argv.slice(2);
const said: unknown[] = [];
const say = (what: string, about: unknown) => console.log(`${what} ${JSON.stringify(about)}`);

const producer = createProducer({ url, source: 'network', attemptsMax: 1, log: (entry) => said.push(entry) });
const investigator = createInvestigator({ url, requestTimeoutMs: Number(process.env.PIK_TEST_TIMEOUT_MS) });

if (way === 'at run time') http.setGlobalProxyFromEnv?.({ HTTP_PROXY: process.env.WAY ?? '' });
if (way === 'dispatcher') await setDispatcher();

const sent = producer.emit('t', { n: process.pid }, { entity_id: 'e' });
const result = await sent.result;
const asked = await investigator.getMetrics().then(
  () => 'ANSWERED',
  (error: unknown) => error,
);
say('fared', {
  producer: result.status,
  investigator: asked === 'ANSWERED' ? asked : (asked as { code: string }).code,
});
say('shown', [inspect([said, result, asked], { depth: 9, showHidden: true })]);
await producer.close();

/** Like undici's `setGlobalDispatcher`: sends every request of `fetch` to this dispatcher. */
async function setDispatcher(): Promise<void> {
  const hosts = globalThis as unknown as Record<symbol, { dispatch(options: object, handler: object): boolean }>;
  const origin = process.env.WAY ?? '';
  // Node creates its own dispatcher at the first request.
  await fetch(origin).catch(() => undefined);
  for (const symbol of [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')]) {
    const usual = hosts[symbol];
    if (usual === undefined) continue;
    class Elsewhere {
      dispatch(options: object, handler: object): boolean {
        return usual?.dispatch({ ...options, origin }, handler) ?? false;
      }
    }
    hosts[symbol] = new Elsewhere();
  }
}
