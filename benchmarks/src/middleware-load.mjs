// Latencies and memory of a service with the middleware while the backend hangs, refuses, answers garbage, or is gone,
// compared with the bare service: at a fixed rate, alternating. Uses the servers of the shared harness, like
// middleware.mjs. Each service is under load for SECONDS in all, longer than the minute for which the backend hangs.
// Writes results/middleware-load.json. HARNESS=… node benchmarks/src/middleware-load.mjs [turns=15] [burst=4]
// [rate=1000]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

import { taughtHarness } from './taught-harness.mjs';

const options = Object.fromEntries(process.argv.slice(2).map((text) => text.split('=')));
const { turns = 15, burst = 4, rate = 1_000 } = options;
const FRAMEWORKS = ['express', 'fastify'];
const BACKENDS = {
  hangs: () => {},
  refuses: (_, response) => response.writeHead(503).end('busy'),
  garbage: (_, response) => response.end('<html>welcome</html>'),
  gone: null,
};

const harness = taughtHarness(process.env.HARNESS);
const autocannon = createRequire(join(harness, 'package.json'))('autocannon');
const children = [];
const backends = [];
let port = 6300;
try {
  const servers = [];
  for (const framework of FRAMEWORKS) {
    servers.push(await start(framework, 'bare', 'http://127.0.0.1:1'));
    for (const [name, listener] of Object.entries(BACKENDS))
      servers.push({ ...(await start(framework, 'pik', await listen(listener))), backend: name });
  }
  for (const server of servers) await hit(server, 2);
  for (let turn = 0; turn < turns; turn++)
    for (const server of turn % 2 === 0 ? servers : servers.toReversed()) {
      const { latency, non2xx, errors } = await hit(server, Number(burst));
      const { rssMb } = await (await fetch(`${server.url}/__cpu`)).json();
      server.p50.push(latency.p50);
      server.p99.push(latency.p99);
      server.rss.push(Math.round(rssMb));
      server.failed += non2xx + errors;
    }
  const rows = servers.map(({ framework, backend, p50, p99, rss, failed }) => ({
    framework,
    backend: backend ?? 'no middleware',
    p50_ms: quantile(p50, 0.5),
    p99_ms: quantile(p99, 0.5),
    p99_ms_q1: quantile(p99, 0.25),
    p99_ms_q3: quantile(p99, 0.75),
    rss_mb_first: rss[0],
    rss_mb_middle: rss[rss.length >> 1],
    rss_mb_last: rss.at(-1),
    failed,
  }));
  const result = {
    node: process.version,
    turns: Number(turns),
    burst_s: Number(burst),
    requests_per_s: Number(rate),
    rows,
  };
  console.table(rows);
  const file = resolve(import.meta.dirname, '../results/middleware-load.json');
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  for (const child of children) child.kill('SIGKILL');
  for (const backend of backends) backend.close().closeAllConnections();
  rmSync(harness, { recursive: true, force: true });
}
process.exit(0);

async function start(framework, variant, sink) {
  port += 1;
  const args = ['-c', '0', process.execPath, 'mwserver.mjs', `${framework}-${variant}`, String(port), sink];
  const child = spawn('taskset', args, { cwd: harness, stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  await once(child.stdout, 'data');
  return { framework, url: `http://127.0.0.1:${port}`, p50: [], p99: [], rss: [], failed: 0 };
}

function hit({ url }, duration) {
  return autocannon({ url: `${url}/hello/42`, connections: 20, overallRate: Number(rate), duration });
}

async function listen(listener) {
  const server = http.createServer(listener ?? (() => {})).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  if (listener === null) await new Promise((done) => server.close(done));
  else backends.push(server);
  return url;
}

function quantile(values, share) {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)];
}
