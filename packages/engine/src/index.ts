export { createPipeline } from './api/create-pipeline.ts';
export type * from './api/pipeline.ts';
export {
  ingestPipeline,
  investigatePipeline,
  monitorPipeline,
  processPipeline,
  replayPipeline,
  sweepPipeline,
} from './api/pipeline-parts.ts';
export { type AuditLog, type AuditLogParts, createAuditLog } from './audit/audit-log.ts';
export {
  beginErasure,
  type ErasurePreview,
  type ErasureRequest,
  listErasures,
  previewErasure,
  replayErasures,
  runErasure,
  unfinishedErasures,
} from './erase/erase.ts';
export type { ErasureRecord } from './erase/rules/erasure-files.ts';
export { createApp } from './http/create-app.ts';
export type * from './ports/audit-store.ts';
export type * from './ports/backend.ts';
export type * from './ports/closed-hours.ts';
export type * from './ports/history-rows.ts';
export type * from './ports/log-keys.ts';
export type * from './ports/log-target.ts';
export type * from './ports/queries.ts';
export type * from './ports/rows.ts';
export type * from './ports/stamp-client.ts';
export { type LogFields, silentTelemetry, type Telemetry } from './ports/telemetry.ts';
export type * from './ports/witness-state.ts';
export { startWorker, type Worker, type WorkerOptions } from './replay/worker.ts';
export { type Context, createContext, type PipelineOptions } from './runtime/context.ts';
export { type ExportRange, exportLog, exportRange } from './signed-log/export-log.ts';
export type * from './signed-log/rules/entries.ts';
export { parseVerifierKey, type VerifierKey } from './signed-log/rules/note.ts';
export {
  openSignedLog,
  restoreLog,
  type SignedHead,
  type SignedLog,
  type SignedLogOptions,
} from './signed-log/signed-log.ts';
export {
  openWitness,
  type Witness,
  type WitnessAnswer,
  type WitnessClient,
  type WitnessParts,
} from './signed-log/witness.ts';
export { createTelemetry } from './telemetry/create-telemetry.ts';
export { rebuildIndex } from './verify/rebuild.ts';
export { type RestoreSummary, restoreHistory } from './verify/restore-history.ts';
