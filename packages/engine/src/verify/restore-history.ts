import { parseVersionText, VERSION_PREFIX } from '../aggregates/rules/version-view.ts';
import type { FileStore } from '../ports/backend.ts';
import { parseReplayEnd, parseReplayRecord, REPLAY_PREFIX, replayEndKey } from '../replay/rules/replay-view.ts';
import type { Context } from '../runtime/context.ts';
import { readPages } from '../runtime/pages.ts';

/** The number of versions and replays restored from their files. */
export interface RestoreSummary {
  readonly versions: number;
  readonly replays: number;
  /** Keys of unreadable files. */
  readonly unreadable: readonly string[];
}

/**
 * Restores versions and replays from their files; existing rows are unchanged. Safe to repeat. A replay without a file of
 * its end counts as running: its next call starts over, which changes nothing that was done.
 *
 * @example
 * import { createContext, restoreHistory } from '@pik/engine';
 * import { openLocalBackend } from '@pik/engine/local';
 *
 * const backend = await openLocalBackend({ dir: '.pik' });
 * const { versions, replays } = await restoreHistory(createContext({ backend }));
 */
export async function restoreHistory(context: Context): Promise<RestoreSummary> {
  const { files, aggregates, replays } = context.backend;
  const unreadable: string[] = [];
  const summary = { versions: 0, replays: 0, unreadable };
  for await (const key of readPages((cursor) => files.list(VERSION_PREFIX, cursor))) {
    const row = parseVersionText(await textOf(files, key));
    if (row === null) summary.unreadable.push(key);
    else {
      await aggregates.append(row);
      summary.versions += 1;
    }
  }
  for await (const key of readPages((cursor) => files.list(REPLAY_PREFIX, cursor))) {
    if (key.endsWith('.end.json')) continue;
    const row = parseReplayRecord(await textOf(files, key));
    if (row === null) {
      summary.unreadable.push(key);
      continue;
    }
    await replays.create(row);
    await restoreEnd(context, row.replay_id);
    summary.replays += 1;
  }
  return summary;
}

async function restoreEnd({ backend: { files, replays } }: Context, replayId: string): Promise<void> {
  const bytes = await files.get(replayEndKey(replayId));
  const end = bytes === null ? null : parseReplayEnd(Buffer.from(bytes).toString('utf8'));
  if (end === null || (await replays.get(replayId))?.status !== 'RUNNING') return;
  const { status, scanned, sent, messages, next_cursor, ended_ms } = end;
  if (status === 'CANCELLED') await replays.cancel(replayId, ended_ms ?? 0);
  await replays.addPart(replayId, { cursor: '', scanned, sent, messages, next_cursor }, ended_ms ?? 0);
}

async function textOf(files: FileStore, key: string): Promise<string> {
  return Buffer.from((await files.get(key)) ?? new Uint8Array()).toString('utf8');
}
