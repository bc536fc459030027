// Runs `npm run test:aws` against an emulator: the one that AWS_ENDPOINT_URL names, else moto_server on free ports of its
// own where that is on the path, one for each worker. Without either it says so and does not fail.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const START_MS_MAX = 60_000;
const WORKERS = 2;

process.exit(await run());

async function run() {
  if (process.env.AWS_ENDPOINT_URL !== undefined) return testAws([process.env.AWS_ENDPOINT_URL]);
  if (spawnSync('moto_server', ['--help'], { stdio: 'ignore' }).status !== 0) {
    console.log('test:aws skipped: there is no moto_server on the path, and AWS_ENDPOINT_URL names no emulator');
    return 0;
  }
  // Every request is a line of its log, which nobody reads.
  const env = { ...process.env, PYTHONPATH: join(import.meta.dirname, 'emulator') };
  const start = () =>
    spawn('moto_server', ['-H', '127.0.0.1', '-p', '0'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const servers = Array.from({ length: WORKERS }, start);
  try {
    const urls = await Promise.all(servers.map(listening));
    for (const [i, url] of urls.entries()) console.log(`moto_server listens at ${url}, process ${servers[i].pid}`);
    return await testAws(urls);
  } catch (error) {
    console.log(String(error));
    return 1;
  } finally {
    for (const server of servers) server.kill('SIGTERM');
  }
}

/** The address that the server says it listens at. */
function listening(server) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('moto_server did not start in time')), START_MS_MAX);
    let text = '';
    server.on('exit', (code) => reject(new Error(`moto_server ended with ${code}: ${text}`)));
    server.stderr.on('data', (chunk) => {
      if (text === null) return;
      text += chunk;
      const url = /http:\/\/127\.0\.0\.1:\d+/.exec(text)?.[0];
      if (url === undefined) return;
      clearTimeout(timer);
      text = null;
      resolve(url);
    });
  });
}

function testAws(urls) {
  return new Promise((resolve) => {
    const env = { ...process.env, AWS_ENDPOINT_URL: urls[0], PIK_EMULATOR_URLS: urls.join(',') };
    const child = spawn('npm', ['run', 'test:aws', '--', ...process.argv.slice(2)], {
      cwd: root,
      env,
      stdio: 'inherit',
    });
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
