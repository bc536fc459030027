import { openSignedLog, restoreLog } from '@pik/engine';
import { type LocalBackend, openLocalBackend } from '@pik/engine/local';
import { KitError } from '@pik/schema';

import { loadConfig } from '../config.ts';
import { print } from '../session.ts';
import { logOptions } from '../signed-log/log-config.ts';

/** Options of the commands that change the signed log of a data directory. */
export interface LogCommandOptions {
  readonly data: string;
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Signs with a new key from now on; `lost`: the old key cannot sign that. */
export async function logRotate(options: LogCommandOptions, { lost }: { lost: boolean }): Promise<void> {
  const key = await withBackend(options, async (parts) => {
    const log = await openSignedLog(parts);
    return lost ? log.replaceKey() : log.rotateKey();
  });
  show(options, { key: key.text }, () => `The log is signed with ${key.text} from now on.`);
}

/** Takes the entries that a restored directory lacks from a copy. */
export async function logRestore(options: LogCommandOptions & { readonly reason: string }): Promise<void> {
  const head = await withBackend(options, async (parts) => {
    for (const target of parts.targets)
      if ((await target.read('checkpoint').catch(() => null)) !== null)
        return restoreLog(parts, { target, reason: options.reason });
    throw new KitError('CONFIG_INVALID', 'none of the copies of the log that the config names can be read');
  });
  const { size = 0 } = head ?? {};
  show(options, { size }, () => `The log has ${size} entries again; the last one records the restored backup.`);
}

type Parts = { readonly backend: LocalBackend; readonly keys: LocalBackend['logKeys'] } & ReturnType<typeof logOptions>;

async function withBackend<T>({ data, config }: LogCommandOptions, work: (parts: Parts) => Promise<T>): Promise<T> {
  const options = await loadConfig(config);
  const backend = await openLocalBackend({ dir: data });
  try {
    return await work({ backend, keys: backend.logKeys, ...logOptions(options) });
  } finally {
    await backend.close();
  }
}

function show({ json }: LogCommandOptions, value: object, text: () => string): void {
  print({ json }, value, text);
}
