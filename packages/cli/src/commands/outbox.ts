import { grouped, shortTime, tableText } from '@pik/render';
import { counted, KitError, MS_PER_DAY } from '@pik/schema';
import { createProducer } from '@pik/sdk';
import { listOutboxes, type OutboxListing, openOutbox } from '@pik/sdk/outbox';

import { connection, type GlobalOptions, print } from '../session.ts';

/** Lists the outboxes of a folder. True if every outbox without an owner is empty. */
export async function outboxList(dir: string, options: GlobalOptions): Promise<boolean> {
  const found = await listOutboxes(dir);
  print(options, found, () => {
    if (found.length === 0) return `There is no outbox in ${dir}.`;
    const rows = found.map((listing) => [
      listing.dir,
      ownerText(listing),
      grouped(listing.pending_count),
      listing.oldest_stored_at === null ? '' : shortTime(listing.oldest_stored_at),
      grouped(listing.dead_count),
      grouped(listing.bytes),
    ]);
    return tableText(['outbox', 'owner', 'pending', 'oldest', 'dead letters', 'bytes'], rows);
  });
  return found.every(isFine);
}

function isFine({ owner_pid, pending_count }: OutboxListing): boolean {
  return owner_pid !== null || pending_count === 0;
}

function ownerText({ owner_pid }: OutboxListing): string {
  if (owner_pid === null) return 'none';
  return owner_pid === 0 ? 'a process' : `process ${owner_pid}`;
}

/** The result of draining one outbox. */
interface Drained {
  readonly dir: string;
  readonly sent: number;
  readonly left: number;
  readonly dead: number;
  /** Why records were left; null if none were. */
  readonly why: string | null;
}

/** Sends the records of outboxes that no process has open. True if all of them are empty afterwards. */
export async function outboxDrain(dir: string, options: GlobalOptions): Promise<boolean> {
  const given = connection(options);
  const found = await listOutboxes(dir);
  if (found.length === 0) throw new KitError('CONFIG_INVALID', `there is no outbox in ${dir}`);
  const drained: Drained[] = [];
  for (const listing of found.filter(({ pending_count }) => pending_count > 0))
    drained.push(await drain(listing, given));
  print(options, drained, () => {
    if (drained.length === 0) return 'No outbox has pending records.';
    const rows = drained.map((listing) => [
      listing.dir,
      grouped(listing.sent),
      grouped(listing.left),
      grouped(listing.dead),
      listing.why ?? '',
    ]);
    const sum = drained.reduce((total, { sent }) => total + sent, 0);
    return `${tableText(['outbox', 'sent', 'left', 'dead letters', 'why'], rows)}\nSent: ${counted(sum, 'record')}.`;
  });
  return drained.every(({ left }) => left === 0);
}

async function drain(listing: OutboxListing, given: { url: string; apiKey?: string | undefined }): Promise<Drained> {
  const { dir, pending_count: pending } = listing;
  const nothing = { dir, sent: 0, left: pending, dead: 0 };
  if (listing.owner_pid !== null)
    return { ...nothing, why: `in use by ${ownerText(listing)}, which sends its records` };
  let outbox: Awaited<ReturnType<typeof openOutbox>>;
  try {
    outbox = await openOutbox({ dir, onReport: () => {} });
  } catch (error) {
    if (!KitError.is(error)) throw error;
    return { ...nothing, why: `${error.code}: ${error.message}` };
  }
  const before = outbox.stats();
  let why: string | null = null;
  const producer = createProducer({
    ...given,
    outbox,
    deadlineMs: MS_PER_DAY,
    log: ({ level, code, detail }) => {
      if (level === 'warn' && code !== undefined) why = `${code}: ${detail ?? ''}`;
    },
  });
  // Closing sends the stored records for as long as the backend accepts them; the rest stay in the outbox.
  await producer.close();
  const after = outbox.stats();
  const dead = after.dead_count - before.dead_count;
  const sent = before.pending_count - after.pending_count - dead;
  return { dir, sent, left: after.pending_count, dead, why: after.pending_count === 0 ? null : why };
}
