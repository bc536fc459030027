// This kit's producer for the shared harness, from the built packages: identity by content (SHA-256 over canonical
// JSON), gzip, and a result for each event, which the hook gets. One entity, like the single user of the peers'
// adapters, and the time of the emit.
import { createProducer, defineCatalog } from '@pik/sdk';

const catalog = defineCatalog({ 'payment.captured': { identity: 'content' } });

export async function create({ url, batch, defaults, outbox }) {
  let results = 0;
  let acked = 0;
  const onResult = ({ status }) => {
    results += 1;
    if (status === 'ACCEPTED' || status === 'DUPLICATE') acked += 1;
  };
  const settings = defaults ? {} : { batchCountMax: batch };
  const producer = createProducer({ url, catalog, source: 'checkout-api', onResult, outbox, ...settings });
  return {
    send(event) {
      producer.emit(event.step, event, { entity_id: 'u1' });
    },
    ready: () => producer.ready(),
    flush: () => producer.close(),
    info: () => {
      const { emitted, undelivered, dropped, rejected, pending } = producer.stats();
      return { errors: emitted - acked, results, undelivered, dropped, rejected, pending };
    },
  };
}
