import { shortTime, tableText } from '@pik/render';
import { durationText } from '@pik/schema';
import type { ListedReplay } from '@pik/sdk/investigator';
import { type GlobalOptions, investigator, print } from '../session.ts';

/** Lists replays, the latest first. */
export async function replays(options: GlobalOptions & { limit: string }): Promise<void> {
  const found: ListedReplay[] = [];
  for await (const replay of investigator(options).readReplays()) {
    found.push(replay);
    if (found.length >= Number(options.limit)) break;
  }
  print(options, found, () => {
    if (found.length === 0) return 'Nothing was replayed.';
    const rows = found.map((r) => [
      shortTime(r.requested_at),
      r.status,
      r.sent,
      r.requested_by ?? '',
      r.reason ?? '',
      r.ended_at === null ? '' : durationText(Date.parse(r.ended_at) - Date.parse(r.requested_at)),
      r.replay_id,
    ]);
    return tableText(['requested', 'status', 'sent', 'by', 'why', 'took', 'replay'], rows);
  });
}
