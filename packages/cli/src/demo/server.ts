import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A kit in its own process. */
export interface ServedKit {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts `pik serve` on a free port, with the metric of the demo. */
export async function serveKit(dataDir: string): Promise<ServedKit> {
  const [main, config] = ['main.js', 'demo-config.js'].map((file) => fileURLToPath(new URL(file, import.meta.url)));
  const args = ['serve', '--port', '0', '--data', dataDir, '--config', `${config}`];
  const child = spawn(process.execPath, [`${main}`, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  return { url: await listening(child), stop: () => stop(child) };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk) => {
      output += String(chunk);
      const url = /http:\/\/\S+/.exec(output)?.[0];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the kit did not start (exit code ${code})`)));
  });
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGTERM');
  });
}
