import { type EventProof, floorToHour, KitError, packStoredMs } from '@pik/schema';

import { latestKeys, textOf } from '../compact/hour-file.ts';
import { type PackSalts, parseOutcomes, seedsByPack } from '../compact/rules/hour-files.ts';
import { GROUP_LINES, groupEntry, hexText, packEntry } from '../compact/rules/merkle.ts';
import { leavesOf, linesOf, saltedRoot, saltsOf } from '../compact/salts.ts';
import type { Context } from '../runtime/context.ts';
import { readBytes, unpacked } from '../storage/pack-store.ts';
import { readSigned } from './read-signed.ts';
import { type HourEntry, hourMsOf, hourText } from './rules/entries.ts';
import { createTree } from './rules/tree.ts';

/**
 * Proves that the first receipt of an event is in the signed log: its line with its salt, and the hashes that lead from there to the
 * newest checkpoint.
 *
 * @throws KitError `EVENT_UNKNOWN`; `LOG_UNSIGNED` if its hour is not in the log yet; `RAW_MISSING`, `RAW_CORRUPT`, `HOUR_DAMAGED`.
 */
export async function proveEvent(context: Context, eventId: string): Promise<EventProof> {
  const { backend } = context;
  const row = await backend.index.getEvent(eventId);
  if (row === null) throw new KitError('EVENT_UNKNOWN', 'the index has no such event');
  const { pack_id, line } = row;
  const signed = await readSigned(backend);
  const h = hourText(floorToHour(packStoredMs(pack_id)));
  const hour = signed.state.hours.get(h);
  const packs = hour === undefined ? [] : await packsOf(context, hour.entry);
  const pack_index = packs.findIndex((pack) => pack.pack_id === pack_id);
  if (hour === undefined || pack_index < 0)
    throw new KitError('LOG_UNSIGNED', `the hour ${h} of the receipt ${pack_id}/${line} is not in the signed log yet`);
  const hourTree = createTree();
  for (const pack of packs) hourTree.append(packEntry(pack));
  const { tree, entries } = signed.state;
  return {
    format: 'pik-case/1',
    event_id: eventId,
    pack_id,
    line,
    ...(await lineProof(context, { pack_id, line, salts: packs[pack_index]?.salts ?? NO_SALTS })),
    outcomes: packs[pack_index]?.outcomes ?? '',
    pack_index,
    hour_path: hourTree.inclusion(pack_index, packs.length).map(hexText),
    entry: textOf(entries[hour.index] ?? new Uint8Array(0)),
    entry_index: hour.index,
    log_path: tree.inclusion(hour.index, signed.size).map(hexText),
    checkpoint: signed.checkpoint,
    key: signed.key,
  };
}

/** The packs of an hour with their roots, in the order of their ids. */
async function packsOf(context: Context, entry: HourEntry) {
  const { files } = context.backend;
  const keys = await latestKeys({ files }, hourMsOf(entry.h), entry.g);
  const [outcomes, seeds] = [await files.get(keys.outcomes), await files.get(keys.seeds)];
  if (outcomes === null || seeds === null)
    throw new KitError('HOUR_DAMAGED', `the files of the hour ${entry.h} are missing`);
  const seedOf = seedsByPack(textOf(seeds), keys.seeds);
  const packs: { pack_id: string; outcomes: string; salts: PackSalts; root: Uint8Array }[] = [];
  for (const { pack_id, outcomes: letters } of parseOutcomes(textOf(outcomes), keys.outcomes)) {
    await context.budget.turn();
    const salts = seedOf.get(pack_id) ?? NO_SALTS;
    const root = saltedRoot(salts, await unpacked(pack_id, await readBytes(context, pack_id)));
    packs.push({ pack_id, outcomes: letters, salts, root });
  }
  return packs;
}

const NO_SALTS: PackSalts = { salts: [] };

async function lineProof(
  context: Context,
  { pack_id, line, salts }: { pack_id: string; line: number; salts: PackSalts },
) {
  const lines = linesOf(await unpacked(pack_id, await readBytes(context, pack_id)));
  const leaves = leavesOf(salts, lines);
  const group = Math.floor(line / GROUP_LINES);
  const tree = createTree();
  for (let start = 0; start < leaves.length; start += GROUP_LINES)
    tree.append(groupEntry(leaves.slice(start, start + GROUP_LINES)));
  return {
    text: textOf(lines[line] ?? new Uint8Array(0)),
    salt: hexText(saltsOf(salts, lines.length)[line] ?? new Uint8Array(0)),
    group: leaves
      .slice(group * GROUP_LINES, (group + 1) * GROUP_LINES)
      .toSpliced(line % GROUP_LINES, 1)
      .map(hexText),
    pack_path: tree.inclusion(group, tree.size).map(hexText),
  };
}
