// Before each file of tests: where several emulators run, each worker has one of its own. They answer one request after the
// other, so that two workers at one of them would wait for each other.
const urls = process.env.PIK_EMULATOR_URLS?.split(',') ?? [];
const own = urls[(Number(process.env.VITEST_POOL_ID ?? 1) - 1) % Math.max(urls.length, 1)];
if (own !== undefined) process.env.AWS_ENDPOINT_URL = own;
