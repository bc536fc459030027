#!/usr/bin/env node
// Node 22 calls SQLite experimental on standard error, where one line is all that a refusal and a log record may take.
const printers = process.listeners('warning');
process.removeAllListeners('warning');
process.on('warning', (warning) => {
  if (warning.name === 'ExperimentalWarning' && warning.message.startsWith('SQLite')) return;
  for (const print of printers) print(warning);
});

// Loaded only now: Node warns as soon as a module asks for SQLite.
const { run } = await import('./program.ts');

process.exitCode = await run(process.argv.slice(2));
