import { KitError, packFile } from '@pik/schema';

import { latestKeys, textOf } from '../compact/hour-file.ts';
import { parseOutcomes } from '../compact/rules/hour-files.ts';
import { unfinishedIds } from '../erase/erasure-store.ts';
import type { Backend } from '../ports/backend.ts';
import { filesOfLog } from './publish.ts';
import { generationsOf, isWithin, keysOf, readSigned } from './read-signed.ts';
import { type HourEntry, hourMsOf, hourText } from './rules/entries.ts';
import type { TileFile } from './rules/tiles.ts';

/** The range of an export, in milliseconds since the epoch; whole hours. */
export interface ExportRange {
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

/**
 * All files that a verifier needs: the log up to its newest checkpoint, and the outcomes, seeds and packs of each hour of the range. Files
 * that are missing are left out; the verifier reports them. Reads only files that never change, so a server may own the directory.
 * @throws KitError `ERASURE_RUNNING` while an erasure is not finished; `LOG_UNSIGNED`, `LOG_DAMAGED`, `HOUR_DAMAGED`.
 */
export async function* exportLog(
  backend: Pick<Backend, 'files' | 'rawLog'>,
  { fromMs, toMs }: ExportRange = { fromMs: null, toMs: null },
): AsyncGenerator<TileFile> {
  if ((await unfinishedIds(backend)).length > 0) throw new KitError('ERASURE_RUNNING');
  const { state, size, checkpoint, key } = await readSigned(backend);
  yield* await filesOfLog({ backend }, state, { from: 0, to: size, checkpoint });
  yield textFile('vkey.txt', `${key}\n`);
  if (fromMs !== null || toMs !== null) {
    const [from, to] = [fromMs, toMs].map((ms) => (ms === null ? '-' : hourText(ms)));
    yield textFile('range.txt', `${from} ${to}\n`);
  }
  for (const generations of generationsOf(state).values()) {
    const latest = generations.at(-1);
    if (latest === undefined || !isWithin(latest, { fromMs: fromMs ?? 0, toMs: toMs ?? Number.MAX_SAFE_INTEGER }))
      continue;
    yield* filesOfHour(backend, latest, generations.slice(0, -1));
  }
}

async function* filesOfHour(
  { files, rawLog }: Pick<Backend, 'files' | 'rawLog'>,
  latest: HourEntry,
  earlier: readonly HourEntry[],
): AsyncGenerator<TileFile> {
  const { outcomes: key, seeds } = await latestKeys({ files }, hourMsOf(latest.h), latest.g);
  for (const path of [...earlier.map((entry) => keysOf(entry).outcomes), key, seeds]) {
    const bytes = await files.get(path);
    if (bytes !== null) yield { path, bytes };
  }
  const outcomes = await files.get(key);
  for (const { pack_id } of outcomes === null ? [] : parseOutcomes(textOf(outcomes), key)) {
    const bytes = await rawLog.read(pack_id);
    const revision = (await rawLog.revisionOf?.(pack_id)) ?? 0;
    if (bytes !== null) yield { path: `packs/${packFile(pack_id, revision)}`, bytes };
  }
}

function textFile(path: string, text: string): TileFile {
  return { path, bytes: new TextEncoder().encode(text) };
}

/** A range of whole hours. Throws `REQUEST_INVALID` if a bound is not the start of an hour. */
export function exportRange(fromMs: number | null, toMs: number | null): ExportRange {
  for (const ms of [fromMs, toMs])
    if (ms !== null && ms % 3_600_000 !== 0)
      throw new KitError('REQUEST_INVALID', 'the range of an export begins and ends at the start of an hour in UTC');
  return { fromMs, toMs };
}
