// A namespace, since Node 20 has no `enableCompileCache`, and a missing named import would end in a SyntaxError.
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Prepares a thread for the modules of `pik`; called before it imports any that use SQLite. */
export function prepareThread(): void {
  keepCompiledCode();
  ignoreSqliteWarning();
}

/**
 * Later starts load compiled code. Node's default place is the shared temporary folder, where another user could plant code; a
 * folder of the user's own is safe. Without a home there is no cache.
 */
function keepCompiledCode(): void {
  try {
    nodeModule.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pik'));
  } catch {
    // The start only takes longer.
  }
}

/**
 * Node 22 prints an experimental warning as soon as a module imports SQLite, on standard error, where scripts expect only
 * errors and log records.
 */
function ignoreSqliteWarning(): void {
  const printers = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name === 'ExperimentalWarning' && warning.message.startsWith('SQLite')) return;
    for (const print of printers) print(warning);
  });
}
