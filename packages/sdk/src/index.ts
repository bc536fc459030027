export {
  type Catalog,
  type CatalogEntry,
  defineCatalog,
  type ErrorCode,
  KitError,
  type PayloadOf,
  type StandardSchema,
} from '@pik/schema';
export type { EmitOptions } from './capture.ts';
export type { ConnectionOptions } from './connection.ts';
export type { EmitResult, Emitted } from './emitted.ts';
export { createProducer, type Producer, type ProducerOptions, type ProducerStats } from './producer.ts';
export { createRecordSender, type RecordSender, type RecordSenderOptions } from './record-sender.ts';
