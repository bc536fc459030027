// Callers who compile with `exactOptionalPropertyTypes` pass what they have, or undefined, for every option. Checked by the
// compiler alone, against what is built: `npm run check:types`.
import { createExpressEvents, type ExpressEventsOptions, type RequestEmitOptions } from '@pik/express-middleware';
import { createFastifyEvents, type FastifyEventsOptions } from '@pik/fastify-plugin';
import {
  type CloseOnExitOptions,
  type ConnectionOptions,
  closeOnExit,
  createProducer,
  createRecordSender,
  defineCatalog,
  type EmitOptions,
  type ProducerOptions,
  type RecordSenderOptions,
  type WaitOptions,
} from '@pik/sdk';
import { createInvestigator, type InvestigatorOptions } from '@pik/sdk/investigator';
import { type OutboxOptions, openOutbox } from '@pik/sdk/outbox';
import { type CollectingOptions, createCollectingProducer } from '@pik/sdk/testing';

/** The same, with undefined for everything that may be left out. */
type Given<T> = { [K in keyof T]: Record<never, never> extends Pick<T, K> ? T[K] | undefined : T[K] };

declare function given<T>(): Given<T>;

export const connection: ConnectionOptions = given<ConnectionOptions>();
const producer = createProducer(given<ProducerOptions>());
producer.emit('page.viewed', {}, given<EmitOptions>());
producer.flush(given<WaitOptions>()).catch(() => {});
closeOnExit(producer, given<CloseOnExitOptions>());
createRecordSender(given<RecordSenderOptions>());
createInvestigator(given<InvestigatorOptions>());
openOutbox(given<OutboxOptions>()).catch(() => {});
createCollectingProducer(given<CollectingOptions>());
createExpressEvents(given<ExpressEventsOptions>());
createFastifyEvents(given<FastifyEventsOptions>());
createFastifyEvents({ producer, capture: given<NonNullable<FastifyEventsOptions['capture']>>() });
export const emitting: RequestEmitOptions = given<RequestEmitOptions>();

const apiKey: string | undefined = process.env.HOME;
const catalog = defineCatalog({ 'order.placed': { payload: undefined, identity: undefined } });
createProducer({ url: 'http://127.0.0.1:4600', source: 'shop', apiKey, catalog });
