// A process that emits events of the shared harness through one of its peers, or through ours, and measures its main
// thread: `node main-thread-child.mjs HARNESS PEER COUNT SIZE BATCH URL [paced|outage]`. The last line is JSON.
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [, , harness, peer, countGiven, sizeGiven, batchGiven, url, mode = 'paced'] = process.argv;
const [count, size, batch] = [countGiven, sizeGiven, batchGiven].map(Number);
const file = peer.endsWith('.mjs') ? resolve(peer) : join(resolve(harness), 'peers', `${peer}.mjs`);
const { makeEvent } = await import(pathToFileURL(join(resolve(harness), 'event.mjs')).href);
const { create } = await import(pathToFileURL(file).href);

const WARM_UP = 20_000;
/** Events per turn of the loop at full speed. */
const PER_TURN = 200;
/** 20,000 events per second during an outage. */
const OUTAGE = { perTick: 100, tickMs: 5 };

const client = await create({ url, n: count + WARM_UP, batch });
const turn = () => new Promise((resolve) => setImmediate(resolve));
const micros = ({ user, system }) => user + system;

async function emit(from, to) {
  for (let n = from; n < to; n++) {
    client.send(makeEvent(n, size));
    if (n % PER_TURN !== PER_TURN - 1) continue;
    await turn();
    await client.ready?.();
  }
}

/** The cost of the same loop without a producer. */
async function loopCost() {
  let kept = null;
  const before = process.threadCpuUsage();
  for (let n = 0; n < count; n++) {
    kept = makeEvent(n, size);
    if (n % PER_TURN === PER_TURN - 1) await turn();
  }
  return micros(process.threadCpuUsage(before)) / count + (kept === null ? 1 : 0);
}

async function paced() {
  await emit(0, WARM_UP);
  const loop_us = await loopCost();
  const [cpu, main, started] = [process.cpuUsage(), process.threadCpuUsage(), performance.now()];
  await emit(WARM_UP, WARM_UP + count);
  await client.flush();
  return {
    per_s: (count * 1_000) / (performance.now() - started),
    loop_us,
    main_us: micros(process.threadCpuUsage(main)) / count - loop_us,
    all_us: micros(process.cpuUsage(cpu)) / count - loop_us,
    rss_mb: process.resourceUsage().maxRSS / 1_024,
  };
}

/** The longest turns of the loop, in time of the clock and in CPU time, which other processes do not disturb. */
async function outage() {
  await emit(0, WARM_UP);
  const configure = (config) => fetch(`${url}/__config`, { method: 'POST', body: JSON.stringify(config) });
  const worst = { wall_ms: 0, cpu_ms: 0 };
  let isOver = false;
  const watch = (async () => {
    for (let [wall, cpu] = [performance.now(), process.threadCpuUsage()]; !isOver; ) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const [now, used] = [performance.now(), process.threadCpuUsage(cpu)];
      worst.wall_ms = Math.max(worst.wall_ms, now - wall - 1);
      worst.cpu_ms = Math.max(worst.cpu_ms, micros(used) / 1_000);
      [wall, cpu] = [performance.now(), process.threadCpuUsage()];
    }
  })();
  const stages = [{}, { latencyMs: 30_000 }, { failForMs: 1e9, failStatus: 503 }, {}];
  const ticks = count / stages.length / OUTAGE.perTick;
  let n = WARM_UP;
  for (const stage of stages) {
    await configure(stage);
    for (let tick = 0; tick < ticks; tick++) {
      for (const end = n + OUTAGE.perTick; n < end; n++) client.send(makeEvent(n, size));
      await new Promise((resolve) => setTimeout(resolve, OUTAGE.tickMs));
    }
  }
  isOver = true;
  await watch;
  await client.flush();
  return { ...worst, rss_mb: process.resourceUsage().maxRSS / 1_024 };
}

const measured = await (mode === 'outage' ? outage() : paced());
process.stdout.write(`${JSON.stringify({ ...measured, ...client.info?.() })}\n`, () => process.exit(0));
