export {
  type Catalog,
  type CatalogEntry,
  defineCatalog,
  type ErrorCode,
  KitError,
  type PayloadOf,
  type StandardSchema,
} from '@pik/schema/events';
export type { ConnectionOptions } from './connection/connection.ts';
export type { BacklogStats } from './producer/backlog.ts';
export type { EmitOptions } from './producer/capture.ts';
export type { ProducerState } from './producer/circuit-breaker.ts';
export { createProducer } from './producer/create-producer.ts';
export { type CloseOnExitOptions, closeOnExit } from './producer/exit.ts';
export type { Log, LogEntry } from './producer/log.ts';
export { PRODUCER_REPORT, type ReportContent } from './producer/loss-report.ts';
export type { EmitResult, Emitted } from './producer/pending-event.ts';
export type { Producer, ProducerOptions, ProducerStats, WaitOptions } from './producer/producer.ts';
export {
  createRecordSender,
  type RecordOutcome,
  type RecordSender,
  type RecordSenderOptions,
  type SendOptions,
} from './producer/record-sender.ts';
export type { Overflow, ProducerLimits, ThreadMode } from './producer/settings.ts';
