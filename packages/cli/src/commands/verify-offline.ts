import { readFile } from 'node:fs/promises';

import { printable, tableText } from '@pik/render';
import { counted, formatEpochMs, KitError } from '@pik/schema';
import { type Finding, parseKey, STATUS, type VerifierKey, verifyCase, verifyExport } from '@pik/verifier';

import { print } from '../session.ts';

/** Options of `pik verify --offline` and `pik verify --case`. */
export interface OfflineOptions {
  readonly offline?: string | undefined;
  readonly case?: string | undefined;
  readonly key?: string | undefined;
  readonly pin?: string | undefined;
  readonly witness?: readonly string[] | undefined;
  readonly quorum?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Verifies an export without a server; returns the exit status. */
export async function verifyOffline(dir: string, options: OfflineOptions): Promise<number> {
  const { key, pin, witness = [], quorum } = options;
  if (key === undefined) throw new KitError('REQUEST_INVALID', '--offline needs the --key that you trust');
  const [trusted, witnesses] = [keyOf(key), witness.map(keyOf)];
  const verdict = readable(dir, () =>
    verifyExport(dir, { key: trusted, pin, witnesses, ...(quorum === undefined ? {} : { quorum: Number(quorum) }) }),
  );
  const { origin, entries, hours, lines, hours_outside, hours_expired, witnessed, findings, status } = verdict;
  const rest = [
    ...(hours_outside === 0 ? [] : [`${counted(hours_outside, 'hour')} of the log outside of the range of the export`]),
    ...(hours_expired === 0 ? [] : [`${counted(hours_expired, 'hour')} expired by a policy that the log names`]),
  ];
  show(options, verdict, [
    `Log ${printable(origin)}: ${counted(entries, 'entry', 'entries')}; ${counted(lines, 'receipt')} in ${counted(hours, 'hour')} checked.`,
    ...(rest.length === 0 ? [] : [`Not checked: ${rest.join(', ')}.`]),
    ...witnessTexts(witnessed),
    ...(verdict.stamped ? ['The checkpoint has a time stamp; check it with `openssl ts -verify`.'] : []),
    ...faultTexts(findings, status),
  ]);
  return status;
}

/** Verifies the proof of one event; returns the exit status. */
export async function verifyProof(file: string, options: OfflineOptions): Promise<number> {
  const { key, witness = [] } = options;
  const bytes = await readFile(file).catch((cause) => {
    throw new KitError('FILE_UNREADABLE', `${file} cannot be read`, { cause });
  });
  const verdict = verifyCase(bytes, { key: key === undefined ? undefined : keyOf(key), witnesses: witness.map(keyOf) });
  const { proof, size, origin, witnessed, findings, status } = verdict;
  const line = proof === null ? [] : [`${proof.pack_id}/${proof.line}`, printable(proof.text)];
  show(options, verdict, [
    ...line,
    ...(status === STATUS.proven
      ? [
          `This line was in the log ${printable(origin)} when its checkpoint of ${counted(size, 'entry', 'entries')} was made.`,
        ]
      : []),
    ...witnessTexts(witnessed),
    ...faultTexts(findings, status),
  ]);
  return status;
}

function keyOf(text: string): VerifierKey {
  const key = parseKey(text);
  if (key === null) throw new KitError('REQUEST_INVALID', `${text} is not a key: <name>+<id>+<base64>`);
  return key;
}

/** A folder or a pin that cannot be read at all is not a verdict. */
function readable<T>(dir: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new KitError('FILE_UNREADABLE', `${dir} cannot be read: ${String(cause)}`, { cause });
  }
}

function witnessTexts(witnessed: Readonly<Record<string, number>>): string[] {
  return Object.entries(witnessed).map(
    ([name, seconds]) => `The witness ${printable(name)} saw the checkpoint at ${formatEpochMs(seconds * 1_000)}.`,
  );
}

function faultTexts(findings: readonly Finding[], status: number): string[] {
  if (findings.length === 0) return ['Proven.'];
  const rows = findings.slice(0, 100).map(({ at, text }) => [printable(at), printable(text)]);
  return [`Not proven (status ${status}):`, tableText(['where', 'what'], rows)];
}

function show({ json }: OfflineOptions, value: object, lines: readonly string[]): void {
  print({ json }, value, () => lines.join('\n'));
}
