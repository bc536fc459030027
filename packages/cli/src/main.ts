#!/usr/bin/env node
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
