export { describeBackendContract, type OpenedBackend } from './testing/backend-contract.ts';
export * from './testing/factories.ts';
export {
  Crash,
  createFaultyBackend,
  type Fault,
  type FaultKind,
  type FaultyBackend,
} from './testing/faulty-backend.ts';
export { CONTRACT_AGGREGATES } from './testing/http-contract/contract-aggregates.ts';
export { CONTRACT_VOLATILE } from './testing/http-contract/contract-volatile.ts';
export { describeHttpContract, type HttpContractOptions, type OpenedHttp } from './testing/http-contract.ts';
export {
  createMemoryBackend,
  createMemoryFiles,
  createMemoryRawLog,
  createTestClock,
  type MemoryBackend,
  type TestClock,
} from './testing/memory-backend.ts';
