import { createMemoryBackend, createTestClock, describeBackendContract } from '@pik/testkit';

describeBackendContract('memory', async () => {
  const clock = createTestClock();
  // Data in memory ends with its owner, so opening it again means that it was never closed.
  const backend = { ...createMemoryBackend(clock), async close() {} };
  return { backend, clock, reopen: async () => backend };
});
