import { createMemoryBackend, createTestClock, describeBackendContract } from '@pik/testkit';

describeBackendContract('memory', async () => {
  const clock = createTestClock();
  // What lies in memory ends with its owner, so it is opened again by not having been closed.
  const backend = { ...createMemoryBackend(clock), async close() {} };
  return { backend, clock, reopen: async () => backend };
});
