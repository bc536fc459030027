import { readFile } from 'node:fs/promises';
import { answerHash, differences, type Pin, readCase } from '@pik/console';
import { printable, tableText } from '@pik/render';
import { counted, KitError, withoutCredentials } from '@pik/schema';

import { connection, type GlobalOptions, print } from '../session.ts';

/** The result of a pinned answer: unchanged, another answer now, a changed file, or no answer now. */
interface Checked {
  readonly question: string;
  readonly path: string;
  readonly as_of: string | null;
  readonly result: 'SAME' | 'DIFFERS' | 'FILE_CHANGED' | 'NO_ANSWER';
  /** Members that differ, or the error of the server. */
  readonly detail: string;
}

/** Asks the questions of a case again and compares their answers. True if all are the same. */
export async function verifyCase(path: string, options: GlobalOptions): Promise<boolean> {
  const { title, pins } = readCase(await caseText(path));
  const at = connection(options);
  const checked: Checked[] = [];
  for (const pin of pins) checked.push(await check(pin, at));
  const isSame = checked.every(({ result }) => result === 'SAME');
  print(options, { title, pins: checked }, () => resultText(title, checked));
  return isSame;
}

async function caseText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new KitError('FILE_INVALID', `${path} cannot be read`, { cause });
  }
}

async function check(pin: Pin, at: { url: string; apiKey?: string | undefined }): Promise<Checked> {
  const { question, path, as_of } = pin;
  const facts = { question, path, as_of };
  if (answerHash(pin.answer) !== pin.answer_sha256)
    return { ...facts, result: 'FILE_CHANGED', detail: 'the answer in the file does not match its hash' };
  const headers = {
    accept: 'application/json',
    ...(at.apiKey === undefined ? {} : { authorization: `Bearer ${at.apiKey}` }),
  };
  const response = await fetch(`${at.url.replace(/\/$/, '')}/${path}`, { headers, redirect: 'error' }).catch(
    (cause) => {
      throw new KitError('NETWORK', `${withoutCredentials(at.url)} cannot be reached`, { cause });
    },
  );
  const now: unknown = await response.json().catch(() => ({}));
  if (!response.ok) {
    const { code, detail = '' } = now as { code?: string; detail?: string };
    if (code === undefined) throw new KitError('ANSWER_NOT_OURS', `${withoutCredentials(at.url)} is not a kit`);
    return { ...facts, result: 'NO_ANSWER', detail: `${code} ${detail}`.trim() };
  }
  const names = differences(pin.answer, now);
  return { ...facts, result: names.length === 0 ? 'SAME' : 'DIFFERS', detail: names.join(', ') };
}

function resultText(title: string, checked: readonly Checked[]): string {
  const same = checked.filter(({ result }) => result === 'SAME').length;
  const rows = checked.map(({ question, as_of, result, detail }) => [result, question, as_of, printable(detail)]);
  return [
    printable(title),
    tableText(['result', 'question', 'as of', 'in'], rows),
    `${same} of ${counted(checked.length, 'answer')} are the same.`,
  ].join('\n');
}
