// This kit's producer for the shared harness, without a hook for results: what a service that ignores them pays. The
// environment chooses the thread, the identity, and whether there is an outbox.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createProducer, defineCatalog } from '@pik/sdk';

const { THREAD: thread = 'never', IDENTITY: identity = 'content', OUTBOX } = process.env;
const catalog = defineCatalog({ 'payment.captured': { identity } });

export async function create({ url, batch }) {
  const dir = OUTBOX === undefined ? null : mkdtempSync(join(tmpdir(), 'pik-bench-'));
  const outbox = dir === null ? undefined : await (await import('@pik/sdk/outbox')).openOutbox({ dir });
  const producer = createProducer({ url, catalog, source: 'checkout-api', batchCountMax: batch, outbox, thread });
  return {
    send(event) {
      producer.emit(event.step, event, { entity_id: 'u1' });
    },
    ready: () => producer.ready(),
    flush: async () => {
      await producer.close();
      if (dir !== null) rmSync(dir, { recursive: true });
    },
    info: () => {
      const { emitted, acked, undelivered, dropped, rejected, pending } = producer.stats();
      return { errors: emitted - acked, undelivered, dropped, rejected, pending };
    },
  };
}
