// Writes the frozen log. Logs of every release must stay readable, so it is never written again: it was made by the first version.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { richWorld, writeInto } from '../test/exported.ts';

const log = join(import.meta.dirname, 'log');
if (existsSync(log)) throw new Error('the frozen log is there; it never changes');
const { files, firstKey } = await richWorld(20);
for (const [path, bytes] of files) writeInto(log, path, bytes);
writeFileSync(join(import.meta.dirname, 'first-key.txt'), `${firstKey}\n`);
