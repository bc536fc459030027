// This kit's producer for the shared harness, from what was built: identity by content, gzip, a result for each event.
import { createProducer, defineCatalog } from '@pik/sdk';

const catalog = defineCatalog({ 'payment.captured': { identity: 'content' } });

export async function create({ url, batch, defaults }) {
  const producer = createProducer({ url, catalog, source: 'checkout-api', ...(defaults ? {} : { batchCountMax: batch }) });
  let results = 0;
  let acked = 0;
  const count = ({ status }) => {
    results += 1;
    if (status === 'ACCEPTED' || status === 'DUPLICATE') acked += 1;
  };
  return {
    send(event) {
      void producer.emit(event.step, event, { entity_id: event.orderId, event_time: new Date(event.at) }).result.then(count);
    },
    ready: () => producer.ready(),
    flush: () => producer.close(),
    info: () => {
      const { emitted, undelivered, dropped, rejected, pending } = producer.stats();
      return { errors: emitted - acked, results, undelivered, dropped, rejected, pending };
    },
  };
}
