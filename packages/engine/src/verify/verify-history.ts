import { createHash } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { KitError, sha256Hex } from '@pik/schema';
import { readManifest } from '../aggregates/manifest-store.ts';
import { parseVersionText, VERSION_PREFIX, versionFileKey, versionText } from '../aggregates/rules/version-view.ts';
import { hashedElement } from '../aggregates/rules/window-input.ts';
import type { VersionRow } from '../ports/history-rows.ts';
import type { Page } from '../ports/queries.ts';
import {
  parseReplayEnd,
  parseReplayRecord,
  REPLAY_PREFIX,
  replayRecordKey,
  replayRecordText,
} from '../replay/rules/replay-view.ts';
import type { Context } from '../runtime/context.ts';
import { type VerifyFault, verifyFault } from './rules/verify.ts';
import { type HistoryPlace, NOTHING_COUNTED, type VerifyPart, type VerifyPlace } from './verify-part.ts';

const PARTS: readonly HistoryPlace['part'][] = ['versions', 'version files', 'replays', 'replay files'];
const ROWS_PER_CALL = 100;
/** A row is written before its file, so the file may be a moment late while processors run. */
const FILE_DELAY_MS = 200;

/** Compares versions with their manifests and files, and replays with their files. */
export async function verifyHistory(context: Context, place: VerifyPlace): Promise<VerifyPart> {
  const { part, cursor } = place.history ?? { part: 'versions', cursor: null };
  const faults: VerifyFault[] = [];
  let digest = place.digest;
  let versions = 0;
  let next: string | null;
  if (part === 'versions') {
    const page = await context.backend.aggregates.listVersions({ limit: ROWS_PER_CALL, cursor });
    for (const row of page.items) {
      for (const one of await versionFaults(context, row)) faults.push(one);
      digest = sha256Hex(`${digest}\n${versionText(row)}`);
    }
    versions = page.items.length;
    next = page.next;
  } else {
    const page = await FILE_CHECKS[part](context, cursor);
    for (const one of page.items) faults.push(one);
    next = page.next;
  }
  const history = nextPlace(part, next);
  return {
    part,
    ...NOTHING_COUNTED,
    versions,
    faults,
    digest,
    next: history === null ? null : { digest, history },
  };
}

function nextPlace(part: HistoryPlace['part'], cursor: string | null): HistoryPlace | null {
  if (cursor !== null) return { part, cursor };
  const following = PARTS[PARTS.indexOf(part) + 1];
  return following === undefined ? null : { part: following, cursor: null };
}

async function versionFaults(context: Context, row: VersionRow): Promise<VerifyFault[]> {
  const what = `Version ${row.version} of ${row.metric}`;
  const faults: VerifyFault[] = [];
  const file = await fileOf(context, versionFileKey(row));
  if (file === null) faults.push(verifyFault('VERSION_FILE_MISSING', `${what} has no file.`, {}));
  else if (Buffer.from(file).toString('utf8') !== versionText(row))
    faults.push(verifyFault('VERSION_DIFFERS', `${what} differs from its file.`, {}));
  try {
    const { count, hash } = await manifestFigures(context, row.manifest_key);
    if (count !== row.input_count || hash !== row.inputs_hash)
      faults.push(verifyFault('MANIFEST_DIFFERS', `${what} has other inputs than its manifest lists.`, {}));
  } catch (error) {
    if (!KitError.is(error) || error.retryable) throw error;
    faults.push(verifyFault(error.code, `${what}: ${error.message}.`, {}));
  }
  return faults;
}

/** Recomputes count and hash of the inputs from the manifest. */
async function manifestFigures(context: Context, key: string): Promise<{ count: number; hash: string }> {
  const hash = createHash('sha256').update('[');
  let count = 0;
  for await (const inputs of readManifest(context, key)) {
    for (const input of inputs) hash.update((count++ === 0 ? '' : ',') + hashedElement(input));
  }
  return { count, hash: hash.update(']').digest('hex') };
}

/** Finds files of versions without a row. */
async function fileFaults(context: Context, cursor: string | null): Promise<Page<VerifyFault>> {
  const page = await context.backend.files.list(VERSION_PREFIX, cursor);
  const faults: VerifyFault[] = [];
  for (const key of page.items) {
    const bytes = await context.backend.files.get(key);
    const row = bytes === null ? null : parseVersionText(Buffer.from(bytes).toString('utf8'));
    if (row === null || versionFileKey(row) !== key) {
      faults.push(verifyFault('VERSION_FILE_CORRUPT', `The file ${key} is not the file of a version.`, {}));
      continue;
    }
    if (!(await hasVersion(context, row))) {
      const text = `Version ${row.version} of ${row.metric} has a file but no row.`;
      faults.push(verifyFault('VERSION_ROW_MISSING', text, {}));
    }
  }
  return { items: faults, next: page.next };
}

async function hasVersion({ backend: { aggregates } }: Context, row: VersionRow): Promise<boolean> {
  return (await aggregates.getVersion(row, row.version)) !== null;
}

async function replayFaults(context: Context, cursor: string | null): Promise<Page<VerifyFault>> {
  const page = await context.backend.replays.list({ limit: ROWS_PER_CALL, cursor });
  const faults: VerifyFault[] = [];
  for (const row of page.items) {
    const bytes = await fileOf(context, replayRecordKey(row.replay_id));
    const text = bytes === null ? null : Buffer.from(bytes).toString('utf8');
    if (text === null) faults.push(verifyFault('REPLAY_FILE_MISSING', `The replay ${row.replay_id} has no file.`, {}));
    else if (text !== replayRecordText(row))
      faults.push(verifyFault('REPLAY_DIFFERS', `The replay ${row.replay_id} differs from its file.`, {}));
  }
  return { items: faults, next: page.next };
}

/** Finds records of replays without a row. */
async function replayFileFaults(context: Context, cursor: string | null): Promise<Page<VerifyFault>> {
  const page = await context.backend.files.list(REPLAY_PREFIX, cursor);
  const faults: VerifyFault[] = [];
  for (const key of page.items) {
    const bytes = await context.backend.files.get(key);
    const text = Buffer.from(bytes ?? new Uint8Array()).toString('utf8');
    const replayId = parseReplayRecord(text)?.replay_id;
    if (parseReplayEnd(text) !== null) continue;
    if (replayId === undefined || replayRecordKey(replayId) !== key)
      faults.push(verifyFault('REPLAY_FILE_CORRUPT', `The file ${key} is not the file of a replay.`, {}));
    else if ((await context.backend.replays.get(replayId)) === null)
      faults.push(verifyFault('REPLAY_ROW_MISSING', `The replay ${replayId} has a file but no row.`, {}));
  }
  return { items: faults, next: page.next };
}

const FILE_CHECKS = {
  'version files': fileFaults,
  replays: replayFaults,
  'replay files': replayFileFaults,
} as const;

async function fileOf({ backend: { files } }: Context, key: string): Promise<Uint8Array | null> {
  const bytes = await files.get(key);
  if (bytes !== null) return bytes;
  await setTimeout(FILE_DELAY_MS);
  return files.get(key);
}
