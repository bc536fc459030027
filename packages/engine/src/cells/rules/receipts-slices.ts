import { MS_PER_DAY } from '@pik/schema';

import { sliceOfEntries } from '../../ingest/rules/slices.ts';
import type { ClosedEvent } from '../../ports/closed-hours.ts';
import type { SliceRow } from '../../ports/rows.ts';

/** Receipts of closed hours, gathered as slices: those of one pack, series and event day form one. */
export interface SliceMaker {
  add(receipt: ClosedEvent): void;
  slices(): SliceRow[];
}

/** Gathers receipts of closed hours, in any order, as the slices that the index had of them. */
export function createSliceMaker(): SliceMaker {
  const groups = new Map<string, ClosedEvent[]>();
  return {
    add(receipt) {
      const { pack_id, source, event_type, event_ms } = receipt;
      const key = `${Math.floor(event_ms / MS_PER_DAY)}\u0000${pack_id}\u0000${source}\u0000${event_type}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [receipt]);
      else group.push(receipt);
    },
    slices: () => [...groups.values()].flatMap((group) => sliceOfReceipts(group) ?? []),
  };
}

function sliceOfReceipts(group: ClosedEvent[]): SliceRow | null {
  // Entries are encoded in order of their lines.
  group.sort((a, b) => a.line - b.line);
  const [first] = group;
  if (first === undefined) return null;
  const { pack_id, source, event_type, imported, event_ms } = first;
  const event_day = Math.floor(event_ms / MS_PER_DAY);
  // Receipts expire with their hour: those that can be read have not expired.
  const common = { pack_id, source, event_type, imported, event_day, expires_ms: Number.POSITIVE_INFINITY };
  // Encoded here, since encoded receipts take less memory.
  const { receipts: _, ...slice } = sliceOfEntries(group, common);
  return slice;
}
