export type { OpenedBackend } from './backend-contract/opened-backend.ts';
export { describeBackendContract } from './backend-contract.ts';
export * from './factories.ts';
export {
  Crash,
  createFaultyBackend,
  type Fault,
  type FaultKind,
  type FaultyBackend,
} from './faulty-backend.ts';
export { CONTRACT_AGGREGATES } from './http-contract/contract-aggregates.ts';
export { CONTRACT_KEYS } from './http-contract/contract-keys.ts';
export { CONTRACT_VOLATILE } from './http-contract/contract-volatile.ts';
export { describeHttpContract, type HttpContractOptions, type OpenedHttp } from './http-contract.ts';
export {
  createMemoryBackend,
  createMemoryFiles,
  createMemoryRawLog,
  createTestClock,
  type MemoryBackend,
  type TestClock,
} from './memory-backend.ts';
export { createMemoryKeyFiles, type KeyFileFault, type MemoryKeyFiles } from './memory-key-files.ts';
export { createMemoryLogKeys, type MemoryLogKeys } from './memory-log-keys.ts';
export { describeSinkContract, type ReceivedAlert, type ReceivedRequest, type SinkUnderTest } from './sink-contract.ts';
