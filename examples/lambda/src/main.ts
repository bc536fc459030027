// Runs the handler as a freezing runtime does: between two calls the process is stopped, with everything that it has
// open, and continues at the next call.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

import type { Order } from './handler.ts';

const instance = spawn(process.execPath, [new URL('instance.ts', import.meta.url).pathname], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
const answers = createInterface({ input: instance.stdout })[Symbol.asyncIterator]();

/** Thaws the instance, calls the handler, and freezes the instance as soon as it has answered. */
async function invoke(order: Order): Promise<string> {
  instance.kill('SIGCONT');
  instance.stdin.write(`${JSON.stringify(order)}\n`);
  const { value } = await answers.next();
  instance.kill('SIGSTOP');
  return value as string;
}

for (const n of [1, 2, 3]) {
  console.log(`call ${n}:`, await invoke({ order_id: `o-${n}`, user_id: 'user_123' }));
  // Frozen longer than a keep-alive connection lives.
  await new Promise((resolve) => setTimeout(resolve, 500));
}
console.log('a retry of the first call:', await invoke({ order_id: 'o-1', user_id: 'user_123' }));
// A runtime ends an instance without warning: no work may be left.
instance.kill('SIGKILL');
