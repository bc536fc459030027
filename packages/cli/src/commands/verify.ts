import { grouped, printable, tableText } from '@pik/render';
import type { VerifyPage } from '@pik/schema';
import { counted } from '@pik/schema';
import { type GlobalOptions, investigator, print } from '../session.ts';
import { createProgress } from '../terminal.ts';

/** Totals over all pages of a verification. */
interface Verification {
  packs: number;
  receipts: number;
  versions: number;
  counts: Record<string, number>;
  faults: VerifyPage['faults'];
  digest: string;
}

/** Options of `pik verify`. */
interface VerifyOptions extends GlobalOptions {
  readonly digest?: boolean | undefined;
  readonly since?: string | undefined;
}

/** Checks the log and the index against each other. True if they agree. */
export async function verify(options: VerifyOptions): Promise<boolean> {
  const total: Verification = { packs: 0, receipts: 0, versions: 0, counts: {}, faults: [], digest: '' };
  const progress = createProgress('verifying', 0);
  for await (const page of investigator(options).readVerification({ since: options.since })) {
    total.packs += page.packs;
    total.receipts += page.receipts;
    total.versions += page.versions;
    for (const [status, n] of Object.entries(page.counts)) total.counts[status] = (total.counts[status] ?? 0) + n;
    for (const fault of page.faults) total.faults.push(fault);
    total.digest = page.digest;
    progress.add(page.packs);
  }
  progress.stop();
  print(options, total, () => verificationText(total, options.digest ?? false));
  return total.faults.length === 0;
}

function verificationText(
  { packs, receipts, versions, counts, faults, digest }: Verification,
  withDigest: boolean,
): string {
  const outcomes = Object.entries(counts).map(([status, n]) => `${grouped(n)} ${status}`);
  const lines = [`${counted(packs, 'pack')} with ${counted(receipts, 'receipt')}: ${outcomes.join(', ') || 'nothing'}`];
  if (versions > 0) lines.push(`${counted(versions, 'version')} of values, checked against manifests and files`);
  if (faults.length === 0) lines.push('Log and index agree.');
  else
    lines.push(
      `${counted(faults.length, 'fault')}:`,
      tableText(
        ['code', 'what', 'where'],
        faults.map((f) => [f.code, f.text, printable(placeOf(f))]),
      ),
    );
  if (withDigest) lines.push(`digest ${digest}`);
  return lines.join('\n');
}

function placeOf({ pack_id, line, event_id }: Verification['faults'][number]): string {
  const receipt = pack_id === null ? '' : line === null ? pack_id : `${pack_id}/${line}`;
  return [receipt, event_id === null ? '' : `event ${event_id}`].filter(Boolean).join(', ');
}
