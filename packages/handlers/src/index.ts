export { createPipeline } from './create-pipeline.ts';
export { createApp } from './http/app.ts';
export { type Context, createContext, type PipelineOptions } from './operations/context.ts';
export { rebuildIndex } from './operations/rebuild.ts';
export type * from './pipeline.ts';
export type * from './ports/backend.ts';
export type * from './ports/rows.ts';
export { type LogFields, silentTelemetry, type Telemetry } from './ports/telemetry.ts';
export { createTelemetry } from './telemetry/create-telemetry.ts';
