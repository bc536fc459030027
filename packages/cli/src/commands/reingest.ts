import { readFileSync } from 'node:fs';
import { printable, tableText } from '@pik/render';
import { KitError, type ReingestAnswer, reingestAction } from '@pik/schema';
import { errorMessage } from '../errno.ts';
import { type MendOptions, mendRejects } from '../mend/mend-rejects.ts';
import { investigator, print } from '../session.ts';
import { REJECTS_FIELDS } from './rejects.ts';

/** The fields that `pik reingest` offers as flags: those that select rejects, and those of the action. */
export const REINGEST_FIELDS = { ...REJECTS_FIELDS, ...reingestAction.fields };

/** Sends rejected receipts again, by name or by selection. True if all of them are stored now. */
export async function reingest(
  receipts: readonly string[],
  options: MendOptions & { body?: string | undefined },
): Promise<boolean> {
  const { body: file, code, source, type, from, since, to, map, dryRun } = options;
  const selects = [code, source, type, from, since, to, map].some((option) => option !== undefined);
  if (file !== undefined && receipts.length !== 1)
    throw new KitError('REQUEST_INVALID', '--body takes exactly one receipt');
  if (receipts.length === 0 && !selects)
    throw new KitError(
      'REQUEST_INVALID',
      'name receipts as PACK/LINE, or select them with --code, --source, --type, --from, --to',
    );
  if (receipts.length > 0 && selects)
    throw new KitError('REQUEST_INVALID', 'named receipts cannot be combined with --map or with options that select');
  if (receipts.length === 0) return mendRejects(options);
  const body = options.body === undefined ? undefined : readBody(options.body);
  const answer = await investigator(options).reingest(
    receipts.map((receipt) => ({ ...addressOf(receipt), body })),
    { dryRun },
  );
  print(options, answer, () => reingestText(answer));
  return answer.results.every(({ result }) => result.status === 'ACCEPTED' || result.status === 'DUPLICATE');
}

/** Reads the text of a mended record, which must be UTF-8. */
function readBody(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file === '-' ? 0 : file);
  } catch (cause) {
    throw new KitError('FILE_INVALID', `${file} cannot be read: ${errorMessage(cause)}`, { cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new KitError('FILE_INVALID', `${file} is not UTF-8`, { cause });
  }
}

function addressOf(receipt: string): { pack_id: string; line: number } {
  const [, packId, line] = /^([0-9a-f-]{36})\/(\d{1,9})$/.exec(receipt) ?? [];
  if (packId === undefined)
    throw new KitError('REQUEST_INVALID', `${receipt} is not a receipt: write PACK/LINE, as pik rejects lists it`);
  return { pack_id: packId, line: Number(line) };
}

function reingestText({ results }: ReingestAnswer): string {
  const rows = results.map(({ original, result }) => [
    `${original.pack_id}/${original.line}`,
    result.status,
    result.event_id ?? printable(result.detail ?? ''),
  ]);
  return tableText(['original', 'now', ''], rows);
}
