// The ids of the harness's events, made before anything is timed, so that the sink that answers with them costs as little
// as one that answers anything.
//   node producer-ids.mjs HARNESS COUNT SIZE FILE
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { deriveIdentity, parseTime, payloadHash } from '@pik/schema';

const [harness, count, size, file] = process.argv.slice(2);
const { makeEvent } = await import(pathToFileURL(join(harness, 'event.mjs')).href);
const ids = Array.from({ length: Number(count) }, (_, i) => {
  const event = makeEvent(i, Number(size));
  const { event_id } = deriveIdentity({
    source: 'checkout-api',
    event_type: event.step,
    entity_id: event.orderId,
    event_time: parseTime(new Date(event.at).toISOString()),
    payload_hash: payloadHash(event),
  });
  return event_id;
});
writeFileSync(file, ids.join(''));
