#!/usr/bin/env node
// A namespace, since Node 20 has no `enableCompileCache`, and a missing named import would end in a SyntaxError.
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// Later starts load compiled code. Node's default place is the shared temporary folder, where another user could plant code; a
// folder of the user's own is safe. Without a home there is no cache.
try {
  nodeModule.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pik'));
} catch {}

// Node 22 prints an experimental warning about SQLite on standard error, where scripts expect only errors and log
// records.
const printers = process.listeners('warning');
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name === 'ExperimentalWarning' && warning.message.startsWith('SQLite')) return;
  for (const print of printers) print(warning);
});

// Imported only now: Node warns as soon as a module imports SQLite.
const { run } = await import('./program.ts');

process.exitCode = await run(process.argv.slice(2));
