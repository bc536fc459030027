// Before each test file: if several emulators run, each worker gets its own. An emulator answers one request at a time,
// so two workers on one would wait for each other.
const urls = process.env.PIK_EMULATOR_URLS?.split(',') ?? [];
const own = urls[(Number(process.env.VITEST_POOL_ID ?? 1) - 1) % Math.max(urls.length, 1)];
if (own !== undefined) process.env.AWS_ENDPOINT_URL = own;
