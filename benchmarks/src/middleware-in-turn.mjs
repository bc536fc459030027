// Servers of the harness, all running on one core, loaded in alternating short bursts from the other core, so that
// other work on the machine affects all alike. Reports CPU time per request, relative to the bare server of the same
// framework in the same round.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The headers of the harness's own pairs. */
const HEADERS = { authorization: 'Bearer abc', 'user-agent': 'bench/1.0' };
const WARM_UP_S = 2;

/** Rows by variant: added CPU time in microseconds (median, quartiles), that of the bare server, and latencies. */
export async function measureInTurn(harness, { variants, turns, burst, port = 6100 }) {
  const autocannon = createRequire(join(harness, 'package.json'))('autocannon');
  const children = [];
  const start = async (core, args, env = {}) => {
    const options = { cwd: harness, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] };
    const child = spawn('taskset', ['-c', core, process.execPath, ...args], options);
    children.push(child);
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('exit', (code) => reject(new Error(`${args.join(' ')} ended with ${code}`)));
    });
  };
  try {
    await start('1', ['sink.mjs'], { PORT: String(port) });
    const servers = [];
    for (const variant of variants) {
      const url = `http://127.0.0.1:${port + 1 + servers.length}`;
      await start('0', ['mwserver.mjs', variant, String(port + 1 + servers.length), `http://127.0.0.1:${port}`]);
      servers.push({ variant, url, cpuUs: [], mainUs: [], p99Ms: [] });
    }
    const hit = (server, duration) =>
      autocannon({ url: `${server.url}/hello/42`, connections: 50, duration, headers: HEADERS });
    for (const server of servers) await hit(server, WARM_UP_S);
    for (let turn = 0; turn < turns; turn++)
      for (const server of turn % 2 === 0 ? servers : servers.toReversed()) {
        await fetch(`${server.url}/__reset`);
        const before = await (await fetch(`${server.url}/__cpu`)).json();
        const { latency, non2xx } = await hit(server, burst);
        const { cpuUs, mainUs, requests } = await (await fetch(`${server.url}/__cpu`)).json();
        if (non2xx > 0) throw new Error(`${server.variant}: ${non2xx} answers were not successful`);
        server.cpuUs.push(cpuUs / requests);
        server.mainUs.push((mainUs - before.mainUs) / requests);
        server.p99Ms.push(latency.p99);
      }
    return Object.fromEntries(servers.map((server) => [server.variant, rowOf(server, servers)]));
  } finally {
    for (const child of children) child.kill();
  }
}

function rowOf({ variant, cpuUs, mainUs, p99Ms }, servers) {
  const bare = servers.find((server) => server.variant === `${variant.split('-')[0]}-bare`);
  const added = cpuUs.map((us, turn) => us - bare.cpuUs[turn]);
  const addedMain = mainUs.map((us, turn) => us - bare.mainUs[turn]);
  return {
    // Null before Node 22.15, which has no CPU time of a thread.
    main_added_us: mainUs.some(Number.isNaN) ? null : quantile(addedMain, 0.5),
    added_us: quantile(added, 0.5),
    added_us_q1: quantile(added, 0.25),
    added_us_q3: quantile(added, 0.75),
    cpu_us: quantile(cpuUs, 0.5),
    p99_ms: quantile(p99Ms, 0.5),
  };
}

function quantile(values, share) {
  const sorted = values.toSorted((a, b) => a - b);
  return Number(sorted[Math.floor((sorted.length - 1) * share)].toFixed(1));
}
