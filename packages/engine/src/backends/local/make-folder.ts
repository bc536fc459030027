import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

import { isErrno } from './errno.ts';

/**
 * Creates a folder, and those above it, for their owner alone. The `recursive` of Node never returns if the system says that a
 * path is missing although the folder above exists, as in /proc.
 */
export function makeFolder(path: string): void {
  if (existsSync(path)) return;
  const above = dirname(path);
  if (above !== path) makeFolder(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process may have created it meanwhile.
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}
