import { createHash } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';

import { createPipeline, exportLog, exportRange, openSignedLog } from '@pik/engine';
import { openLocalBackend, openLocalFiles } from '@pik/engine/local';
import { counted, KitError, MS_PER_DAY, parseMoment } from '@pik/schema';

import { loadConfig } from '../config.ts';
import { isErrno } from '../errno.ts';
import { print } from '../session.ts';
import { logOptions } from '../signed-log/log-config.ts';

/** Options of `pik log export`. */
export interface LogExportOptions {
  readonly data: string;
  readonly out: string;
  readonly config?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Writes the signed log and the packs under it into a folder, which a verifier needs nothing else than. */
export async function logExport({ data, out, config, from, to, json }: LogExportOptions): Promise<void> {
  const range = exportRange(boundOf('--from', from), boundOf('--to', to));
  await checkEmpty(out);
  const isClosed = await closeRunningHour(data, config);
  const sums: string[] = [];
  let [files, bytes, key] = [0, 0, ''];
  const write = async (path: string, content: Uint8Array) => {
    await mkdir(dirname(join(out, path)), { recursive: true });
    await writeFile(join(out, path), content, { flag: 'wx' });
    files += 1;
    bytes += content.length;
  };
  for await (const file of exportLog(openLocalFiles(data), range)) {
    await write(file.path, file.bytes);
    sums.push(`${createHash('sha256').update(file.bytes).digest('hex')}  ${file.path}\n`);
    if (file.path === 'vkey.txt') key = Buffer.from(file.bytes).toString('utf8').trim();
  }
  await write('SHA256SUMS', Buffer.from(sums.join('')));
  const result = { out: resolve(out), files, bytes, key, running_hour: isClosed };
  print({ json }, result, () =>
    [
      `Wrote ${counted(files, 'file')} to ${result.out}.`,
      ...(isClosed ? [] : ['A server owns the directory: hours that it has not closed yet are left out.']),
      `Check it with: pik verify --offline ${out} --key ${key}`,
    ].join('\n'),
  );
}

/** False if a server owns the directory; its closed hours can be exported meanwhile. */
async function closeRunningHour(data: string, config: string | undefined): Promise<boolean> {
  const { aggregates: _, ...options } = await loadConfig(config);
  const backend = await openLocalBackend({ dir: data }).catch((error: unknown) => {
    if (KitError.is(error) && error.code === 'DATA_DIR_LOCKED') return null;
    throw error;
  });
  if (backend === null) return false;
  try {
    const pipeline = createPipeline({ backend });
    await pipeline.sweep({ minAgeMs: 0, lookBackMs: MS_PER_DAY });
    await pipeline.compact({ all: true });
    const log = await openSignedLog({ backend, keys: backend.logKeys, ...logOptions(options) });
    if ((await log.closeHours()) === null)
      throw new KitError(
        'LOG_KEY_UNUSABLE',
        'the private key of the signed log was lost; `pik log replace-key` makes a new one',
      );
    return true;
  } finally {
    await backend.close();
  }
}

function boundOf(flag: string, text: string | undefined): number | null {
  const moment = text === undefined ? null : parseMoment(text, { nowMs: Date.now(), timeZone: 'UTC' });
  if (text !== undefined && moment === null) throw new KitError('REQUEST_INVALID', `${flag} ${text} is not a time`);
  return moment === null ? null : moment.epoch_ms;
}

async function checkEmpty(out: string): Promise<void> {
  const names = await readdir(out).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw new KitError('FILE_INVALID', `${out} is not a folder`, { cause: error });
  });
  if (names.length > 0) throw new KitError('FILE_INVALID', `the folder ${out} is not empty`);
}
