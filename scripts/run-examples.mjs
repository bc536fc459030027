// Runs every example: those that need a server against a served kit in a temporary directory, with the metric of
// examples/earthquakes. Each must end well and say what it is there to show.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const EXAMPLES = {
  embedded: [/outcomes: ACCEPTED, DUPLICATE, CONFLICT/],
  producer: [/ACCEPTED/],
  lambda: [/call 3: ACCEPTED, acked 3, pending 0/, /retry of the first call: DUPLICATE, acked 4, pending 0/],
  investigation: [/order\.placed of user_123 from checkout/],
  'daily-tables': [
    /3 ACCEPTED, 1 DUPLICATE, 1 CONFLICT, 4 REJECTED|4 REJECTED, 3 ACCEPTED, 1 DUPLICATE, 1 CONFLICT/,
    /TIME_INVALID at \/event_time, event_time: not RFC 3339/,
  ],
  'bad-release': [
    /by attempt: .*2: \+/,
    /found: 5 orders were counted twice, \d+ cents too much, all by release 2\.4\.0/,
  ],
  comparisons: [
    /missing cases: \+15841 on the day/,
    /four times: 14440 -> 15160 events \(\+5\.0 %\), all repeats/,
    /every state: .* by paid and shipped/,
    /broken release: payload\.release == "2\.2\.0" and payload\.provider == "wallet"/,
  ],
  notebooks: [
    /a-metric-changed\.ipynb with deno run: 7 cells, all as stored/,
    /a-window-is-missing\.ipynb with deno run: 8 cells, all as stored/,
  ],
  'express-orders': [/twice: order\.paid, 12 of 36 receipts/, /late: order\.shipped, 12 of 24 events/],
  'fastify-orders': [/twice: order\.paid, 12 of 36 receipts/, /late: order\.shipped, 12 of 24 events/],
  earthquakes: [/computed: 112 then, 259 now/, /plan: 112 -> 259/, /version 2: 259/, /simulated.*16 of 259/],
};

const dir = mkdtempSync(join(tmpdir(), 'pik-examples-'));
const serve = ['serve', '--port', '0', '--data', dir, '--config', 'examples/earthquakes/pik.config.ts'];
const server = spawn('node', ['packages/cli/dist/main.js', ...serve], { stdio: ['ignore', 'pipe', 'ignore'] });
let passed = 0;
let failed = 0;
try {
  const PIK_URL = await listening();
  for (const [name, shows] of Object.entries(EXAMPLES)) {
    const { status, stdout, stderr } = spawnSync('node', [`examples/${name}/src/main.ts`], {
      encoding: 'utf8',
      env: { ...process.env, PIK_URL, NO_COLOR: '1' },
    });
    const missing = shows.filter((text) => !text.test(stdout));
    const ok = status === 0 && missing.length === 0;
    console.log(`example ${name}: ${ok ? 'fine' : 'failed'}`);
    if (!ok) console.error(`${stdout}${stderr}exit code ${status}; not shown: ${missing.join(', ') || 'nothing'}`);
    if (ok) passed += 1;
    else failed += 1;
  }
} finally {
  server.kill();
  rmSync(dir, { recursive: true, force: true });
}
console.log(`examples: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

function listening() {
  return new Promise((resolve, reject) => {
    server.stdout.on('data', (chunk) => {
      const url = /http:\/\/\S+/.exec(String(chunk))?.[0];
      if (url) resolve(url);
    });
    server.on('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
}
