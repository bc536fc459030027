export {
  type BackupOptions,
  type BackupSummary,
  backupLocal,
  type RestoreOptions,
  restoreBackup,
} from './backends/local/backup.ts';
export type { LocalFigures } from './backends/local/figures.ts';
export {
  type LocalBackend,
  type LocalOptions,
  type LocalRebuild,
  openLocalBackend,
  openLocalRebuild,
} from './backends/local/open.ts';
export { openLocalFiles } from './backends/local/open-reader.ts';
export type { AnsweredVerdicts } from './backends/local/verdict-journal.ts';
export { openWitnessFiles, type WitnessFiles } from './backends/local/witness-files.ts';
export { openParsers, type ParsersOptions, type ParserThreads } from './parsers/open-parsers.ts';
export { type RunParserOptions, runParser } from './parsers/run-parser.ts';
export { type CompactThreadOptions, type RunningCompaction, startCompaction } from './readers/compact-thread.ts';
export { openReaders, type ReadersOptions, type ReaderThreads } from './readers/open-readers.ts';
export { type RunReaderOptions, runReader } from './readers/run-reader.ts';
