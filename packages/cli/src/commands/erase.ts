import { readFile } from 'node:fs/promises';

import {
  beginErasure,
  createContext,
  type ErasurePreview,
  type ErasureRecord,
  type ErasureRequest,
  listErasures,
  openSignedLog,
  previewErasure,
  replayErasures,
  runErasure,
  unfinishedErasures,
} from '@pik/engine';
import { type LocalBackend, openLocalBackend } from '@pik/engine/local';
import { printable, shortTime, tableText } from '@pik/render';
import {
  counted,
  formatEpochMs,
  isPackId,
  KitError,
  LETTER_OUTCOMES,
  MS_PER_DAY,
  type OutcomeLetter,
} from '@pik/schema';

import { loadConfig } from '../config.ts';
import { writeErr } from '../output.ts';
import { print } from '../session.ts';
import { logOptions } from '../signed-log/log-config.ts';

/** Options of `pik erase`. */
export interface EraseOptions {
  readonly data: string;
  readonly config?: string | undefined;
  readonly entity?: readonly string[] | undefined;
  readonly file?: string | undefined;
  readonly receipt?: readonly string[] | undefined;
  readonly reason?: string | undefined;
  readonly dryRun?: boolean | undefined;
  readonly yes?: boolean | undefined;
  readonly resume?: boolean | undefined;
  readonly replay?: boolean | undefined;
  readonly list?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** Erases the receipts of entities, or single ones, from a data directory. False if something is left to do. */
export async function erase(options: EraseOptions): Promise<boolean> {
  const { aggregates: _, indexRetentionDays, ...config } = await loadConfig(options.config);
  const asked = await askedOf(options);
  const backend = await openLocalBackend({ dir: options.data });
  try {
    const retention = indexRetentionDays === undefined ? {} : { indexRetentionMs: indexRetentionDays * MS_PER_DAY };
    const context = createContext({ backend, ...retention });
    if (options.list === true)
      return printList(options, await listErasures(context), await unfinishedErasures(context));
    if (!(await eraseAsked(context, options, asked))) return false;
    await sign(backend, logOptions(config));
    return true;
  } finally {
    await backend.close();
  }
}

type Context = ReturnType<typeof createContext>;

/** False if nothing was erased. */
async function eraseAsked(context: Context, options: EraseOptions, asked: ErasureRequest | null): Promise<boolean> {
  if (options.resume === true) {
    for (const id of await unfinishedErasures(context)) printDone(options, await runErasure(context, id), null);
    return true;
  }
  const [unfinished] = await unfinishedErasures(context);
  if (unfinished !== undefined)
    throw new KitError(
      'ERASURE_RUNNING',
      `the erasure ${unfinished} is not finished; \`pik erase --resume\` finishes it`,
    );
  if (options.replay === true) {
    const record = await replayErasures(context, null);
    if (record !== null) printDone(options, record, null);
    else print(options, { lines: 0 }, () => 'The log has nothing that the recorded erasures had erased.');
    return true;
  }
  if (asked === null) throw new KitError('REQUEST_INVALID', 'name what to erase: --entity, --file or --receipt');
  if (options.yes !== true || options.dryRun === true) {
    const preview = await previewErasure(context, asked);
    print(options, preview, () => previewText(preview, options.dryRun === true));
    return false;
  }
  const { erasureId, salt } = await beginErasure(context, asked);
  // Before the first effect: an interrupted erasure is finished by a process that does not have the salt.
  writeErr(`The erasure ${erasureId} begins; its salt is ${salt}\n`);
  printDone(options, await runErasure(context, erasureId), salt);
  return true;
}

async function askedOf({ entity = [], file, receipt = [], reason }: EraseOptions): Promise<ErasureRequest | null> {
  const listed = file === undefined ? [] : (await readIds(file)).split(/\r?\n/).filter((line) => line !== '');
  const entityIds = [...new Set([...entity, ...listed])];
  if (entityIds.length + receipt.length === 0) return null;
  if (reason === undefined || reason === '')
    throw new KitError('REQUEST_INVALID', '--reason is missing; the record of the erasure needs it');
  return { entityIds, receipts: receipt.map(addressOf), reason, requestedBy: null };
}

async function readIds(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new KitError('FILE_INVALID', `${file} cannot be read`, { cause });
  });
}

function addressOf(text: string): { pack_id: string; line: number } {
  const [pack_id = '', line = '', ...rest] = text.split(/[/:]/);
  if (!isPackId(pack_id) || !/^\d{1,7}$/.test(line) || rest.length > 0)
    throw new KitError('REQUEST_INVALID', `--receipt ${text} is not PACK/LINE`);
  return { pack_id, line: Number(line) };
}

/** Appends the erasure to the signed log, if the directory has one. */
async function sign(backend: LocalBackend, options: ReturnType<typeof logOptions>): Promise<void> {
  if ((await backend.files.list('log/v1/')).items.length === 0) return;
  const log = await openSignedLog({ ...options, backend, keys: backend.logKeys });
  await log.closeHours();
  await log.publish();
}

function printDone(options: EraseOptions, record: ErasureRecord, salt: string | null): void {
  print(options, { ...record, ...(salt === null ? {} : { salt }) }, () => doneText(record, salt));
}

function previewText({ packs, lines, counts, bytes }: ErasurePreview, isDryRun: boolean): string {
  if (lines === 0) return 'The log has no such receipt. An erasure would only be recorded.';
  return [
    `Would erase ${counted(lines, 'receipt')} (${countsText(counts)}) in ${counted(packs, 'pack')} of ${bytes} bytes.`,
    ...(isDryRun ? [] : ['Nothing was erased: add --yes. It cannot be undone.']),
  ].join('\n');
}

function doneText({ erasure_id, lines, packs, counts, hours, residual }: ErasureRecord, salt: string | null): string {
  return [
    `Erased ${counted(lines, 'receipt')}${lines === 0 ? '' : ` (${countsText(counts)})`} in ${counted(packs, 'pack')} of ${counted(hours, 'hour')}.`,
    `Erasure ${erasure_id}`,
    ...(salt === null ? [] : [`Salt of the subject tag, stored nowhere: ${salt}`]),
    'Not erased here:',
    ...residual.map(({ what, until }) => `  ${what}, until ${until}`),
  ].join('\n');
}

function countsText(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([letter, n]) => `${n} ${LETTER_OUTCOMES[letter as OutcomeLetter] ?? 'unknown'}`)
    .join(', ');
}

function printList(options: EraseOptions, records: readonly ErasureRecord[], unfinished: readonly string[]): boolean {
  print(options, { erasures: records, unfinished }, () => {
    const rows = records.map(({ erasure_id, requested_ms, lines, packs, reason }) => [
      shortTime(formatEpochMs(requested_ms)),
      erasure_id,
      lines,
      packs,
      printable(reason),
    ]);
    const lines =
      rows.length === 0 ? ['Nothing was erased.'] : [tableText(['asked', 'erasure', 'receipts', 'packs', 'why'], rows)];
    for (const id of unfinished) lines.push(`The erasure ${id} is not finished; \`pik erase --resume\` finishes it.`);
    return lines.join('\n');
  });
  return unfinished.length === 0;
}
