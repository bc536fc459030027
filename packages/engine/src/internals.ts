// Exports for the test kit and the benchmarks of this repository only. They are not part of the public API: any version may
// change them.
export { readManifest } from './aggregates/manifest-store.ts';
export { createEventIndex } from './backends/local/event-index.ts';
export { createHistory } from './backends/local/history.ts';
export { HISTORY_TABLES } from './backends/local/history-schema.ts';
export { INDEX_TABLES } from './backends/local/schema.ts';
export { soleOwnerOf } from './backends/local/sole-owner.ts';
export { INGEST_HANDLERS } from './http/ingest-handler.ts';
export { REPLAY_HANDLERS } from './http/replay-handlers.ts';
export { ingest } from './ingest/ingest.ts';
export { repeatFlags } from './ingest/rules/first-receipt.ts';
export { decideOutcomes, eventRows, type RequestOutcomes } from './ingest/rules/outcomes.ts';
export type { PackFacts } from './ingest/rules/pack-facts.ts';
export { type ParsedRecord, parseRecord } from './ingest/rules/parse-record.ts';
export { inParallel } from './ports/in-parallel.ts';
export { finish } from './reports/gaps/rules/cadence/steps.ts';
export { createCalendar, GRAIN_MS, type Grain } from './reports/gaps/rules/calendar.ts';
export { addInstant, createGapCells, type SeriesCells, seriesOf } from './reports/gaps/rules/gap-cells.ts';
export type { GapInterval, GapQuestion } from './reports/gaps/rules/gap-question.ts';
export { seriesView } from './reports/gaps/rules/gap-series.ts';
export { findGaps, judgedLives, modelSeries } from './reports/gaps/rules/gaps.ts';
export { createIds } from './runtime/ids.ts';
export { readQuery } from './runtime/read-query.ts';
export { addTo, createHistogram, encodeHistogram } from './statistics/histogram.ts';
export { envelopeBody, readPack } from './storage/pack-store.ts';
export { decodePack, encodePack } from './storage/rules/pack-codec.ts';
export { decodeEntries, encodeEntries, type SliceEntry } from './storage/rules/slice-codec.ts';
