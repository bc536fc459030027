// Runs every example: those that need a server against a served kit in a temporary directory.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const dir = mkdtempSync(join(tmpdir(), 'pik-examples-'));
const server = spawn('node', ['packages/cli/dist/main.js', 'serve', '--port', '0', '--data', dir], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
let passed = 0;
let failed = 0;
try {
  const PIK_URL = await listening();
  for (const name of ['demo', 'embedded', 'producer', 'investigation']) {
    const { status, stdout, stderr } = spawnSync('node', [`examples/${name}/src/main.ts`], {
      encoding: 'utf8',
      env: { ...process.env, PIK_URL },
    });
    const ok = status === 0 && stdout.length > 0;
    console.log(`example ${name}: ${ok ? 'fine' : 'failed'}`);
    if (!ok) console.error(stdout + stderr);
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
