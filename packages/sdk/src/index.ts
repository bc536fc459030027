export {
  type Catalog,
  type CatalogEntry,
  defineCatalog,
  type ErrorCode,
  KitError,
  type PayloadOf,
  type StandardSchema,
} from '@pik/schema/events';
export type { BacklogStats } from './backlog.ts';
export type { EmitOptions } from './capture.ts';
export type { ConnectionOptions } from './connection.ts';
export { type CloseOnExitOptions, closeOnExit } from './exit.ts';
export type { GateState } from './gate.ts';
export type { Log, LogEntry } from './log.ts';
export {
  createProducer,
  type Producer,
  type ProducerOptions,
  type ProducerStats,
  type WaitOptions,
} from './producer.ts';
export {
  createRecordSender,
  type RecordOutcome,
  type RecordSender,
  type RecordSenderOptions,
  type SendOptions,
} from './record-sender.ts';
export { PRODUCER_REPORT, type ReportContent } from './report.ts';
export type { EmitResult, Emitted } from './sent.ts';
export type { Overflow, ProducerLimits } from './settings.ts';
