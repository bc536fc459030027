// Two releases of a service, some traffic on each, and the question of what the second one does wrong, asked with the
// commands that every user has.
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { DuplicatesReport, LagReport } from '@pik/schema';

const ORDERS = 12;
/** Time that release 2 lets pass between a shipment and its event. */
const IDLE_MS = 3_000;
const LATE_OVER_MS = 2_000;

const pik = fileURLToPath(new URL('main.js', import.meta.resolve('@pik/cli')));

/** Runs both releases of the service that a module starts, and finds out what is wrong with the second. */
export async function tellStory({ server, source }: { server: URL; source: string }): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'pik-orders-'));
  const environment = { ...process.env, ORDERS_DB: join(dir, 'orders.db'), SOURCE: source };
  try {
    for (const release of [1, 2]) {
      const service = spawn(process.execPath, [fileURLToPath(server)], {
        env: { ...environment, RELEASE: String(release) },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await playTraffic(await listening(service));
      console.log(`release ${release}: ${ORDERS} orders placed, paid and shipped`);
      if (release === 2) await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
      service.kill('SIGTERM');
      await once(service, 'exit');
    }
    askWhatIsWrong(source);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function playTraffic(url: string): Promise<void> {
  for (let i = 0; i < ORDERS; i++) {
    const order = { customer: `user_${i % 5}`, total_cents: 1_000 + i };
    const { order_id } = (await ask(`${url}/orders?token=never-leaves`, 'POST', order)) as { order_id: string };
    await ask(`${url}/orders/${order_id}/payments`, 'POST');
    await ask(`${url}/orders/${order_id}/shipments`, 'POST');
    await ask(`${url}/orders/${order_id}`, 'GET');
  }
  await fetch(`${url}/orders/none`);
  await fetch(`${url}/nothing/here`);
}

async function ask(url: string, method: string, body?: object): Promise<unknown> {
  const json =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await fetch(url, { method, ...json });
  assert.ok(response.ok, `${method} ${url}: ${response.status}`);
  return response.json();
}

function askWhatIsWrong(source: string): void {
  const about = ['--source', source, '--by', 'event_type'];
  const lateness = ['--late-over-ms', String(LATE_OVER_MS)];
  for (const question of [
    ['duplicates', ...about],
    ['lag', ...about, ...lateness],
  ]) {
    console.log(`\npik ${question.join(' ')}`);
    console.log(run(question));
  }
  const duplicates = JSON.parse(run(['duplicates', ...about, '--json'])) as DuplicatesReport;
  const lag = JSON.parse(run(['lag', ...about, ...lateness, '--json'])) as LagReport;
  // Groups are ranked: the one with most repeats, and the one with most of the total delay, come first.
  const [twice] = duplicates.groups;
  const [late] = lag.groups;
  assert.deepEqual([twice?.group.event_type, twice?.figures.duplicates], ['order.paid', ORDERS]);
  assert.equal(late?.group.event_type, 'order.shipped');
  assert.ok((late?.figures.late_count ?? 0) >= ORDERS);
  console.log(`twice: ${twice?.group.event_type}, ${twice?.figures.duplicates} of ${twice?.figures.receipts} receipts`);
  console.log(`late: ${late?.group.event_type}, ${late?.figures.late_count} of ${late?.figures.count} events`);
}

function run(args: readonly string[]): string {
  return execFileSync(process.execPath, [pik, ...args], { encoding: 'utf8' });
}

function listening(service: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    service.stdout?.on('data', (chunk) => {
      const url = /http:\/\/\S+/.exec(String(chunk))?.[0];
      if (url !== undefined) resolve(url);
    });
    service.once('exit', (code) => reject(new Error(`the service ended with ${code}`)));
  });
}
