// `moduleResolution: node`, as older services have it: every entry has its types, and the checks of a catalog are there.
// Checked by the compiler alone, against what is built: `npm run check:types`.

import type { Aggregate } from '@pik/aggregates';
import { createExpressEvents } from '@pik/express-middleware';
import { createFastifyEvents } from '@pik/fastify-plugin';
import { HTTP_REQUEST, httpRequestCatalog } from '@pik/request-events';
import { parseTime } from '@pik/schema';
import { type ErrorCode, sha256Hex } from '@pik/schema/events';
import { createProducer, defineCatalog, type StandardSchema } from '@pik/sdk';
import { createInvestigator } from '@pik/sdk/investigator';
import { openOutbox } from '@pik/sdk/outbox';
import { createCollectingProducer } from '@pik/sdk/testing';

declare const order: StandardSchema<{ order_id: string }>;
const catalog = defineCatalog({ ...httpRequestCatalog, 'order.placed': { payload: order } });
const producer = createProducer({ url: 'http://127.0.0.1:4600', source: 'shop', catalog });
createExpressEvents<typeof catalog>({ producer });
createFastifyEvents<typeof catalog>({ producer });
producer.emit('order.placed', { order_id: 'o-1' }, { entity_id: 'user_1' });
// @ts-expect-error the catalog has no such event
producer.emit('order.plcaed', { order_id: 'o-1' }, { entity_id: 'user_1' });
// @ts-expect-error the payload has another form
producer.emit('order.placed', { order_id: 1 }, { entity_id: 'user_1' });
// @ts-expect-error a URL is a text
createInvestigator({ url: 7 });
// @ts-expect-error a directory is needed
openOutbox({}).catch(() => {});
// @ts-expect-error the catalog has no such event
createCollectingProducer({ catalog }).emit('a.b', {}, { entity_id: 'user_1' });
// @ts-expect-error no such code
export const code: ErrorCode = 'NO_SUCH_CODE';
export const typed: [string, string, Aggregate[], number | undefined] = [
  HTTP_REQUEST,
  sha256Hex(''),
  [],
  parseTime('')?.epoch_ms,
];
