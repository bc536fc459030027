import type { PlannedWindow, ReplayPlanPage } from '@pik/schema';

import { type Asking, ask, type CallOptions } from './ask.ts';
import type { ReplayDrive, ReplayHandle } from './replay-handle.ts';

/** What a replay would do: everything was read, nothing was sent. */
export interface ReplayPlan {
  /** Events of the range that were looked at, and those that a replay would send. */
  readonly scanned: number;
  readonly would_send: number;
  readonly messages: number;
  /** Stored bytes of the packs that hold the events; a pack that several calls met counts for each. */
  readonly raw_bytes: number;
  readonly days: readonly { readonly day: string; readonly events: number }[];
  /** Events that every window they touch already contains in its latest version. */
  readonly already_processed: number;
  /** Objects of the raw log that are named by an event and not there. */
  readonly raw_missing: readonly string[];
  /** Every window that would be computed again, with its current and predicted value. */
  readonly windows: readonly PlannedWindow[];
  readonly as_of: string;
  readonly unsettled: boolean;
  readonly plan_hash: string;
  /** Calls that a replay takes; with a `limit`, one call alone leaves out what the others would send. */
  readonly calls: number;
  /** Events beyond the first call. */
  readonly beyond_limit: number;
  readonly notes: readonly string[];
  /**
   * Does what was planned, as of the time of the plan. Its result rejects with KitError `PLAN_STALE`, and nothing is
   * sent, if the selection or a version has moved since.
   */
  apply(options?: ReplayDrive & { reason?: string | undefined }): ReplayHandle;
}

type Facts = Omit<ReplayPlan, 'apply'>;

/** Walks a dry run to its end. */
export async function makePlan(asking: Asking, body: object, options: CallOptions): Promise<Facts> {
  const pages: ReplayPlanPage[] = [];
  let cursor: string | null = null;
  do {
    const next: object = cursor === null ? {} : { cursor };
    const page: ReplayPlanPage = await ask(asking, 'replay', { body: { ...body, dry_run: true, ...next }, ...options });
    pages.push(page);
    cursor = page.next_cursor;
  } while (cursor !== null);
  return merge(pages);
}

function merge(pages: readonly ReplayPlanPage[]): Facts {
  const sum = (name: 'scanned' | 'would_send' | 'messages' | 'raw_bytes' | 'already_processed') =>
    pages.reduce((total, page) => total + page[name], 0);
  const [first] = pages as [ReplayPlanPage, ...ReplayPlanPage[]];
  const last = pages.at(-1) as ReplayPlanPage;
  const windows = new Map<string, PlannedWindow>();
  const days = new Map<string, number>();
  for (const page of pages) {
    // As of one time, a window that several calls met was predicted the same each time.
    for (const window of page.windows)
      windows.set(JSON.stringify([window.metric, window.key, window.window_start]), window);
    for (const { day, events } of page.days) days.set(day, (days.get(day) ?? 0) + events);
  }
  return {
    scanned: sum('scanned'),
    would_send: sum('would_send'),
    messages: sum('messages'),
    raw_bytes: sum('raw_bytes'),
    days: [...days].map(([day, events]) => ({ day, events })).sort((a, b) => (a.day < b.day ? -1 : 1)),
    already_processed: sum('already_processed'),
    raw_missing: [...new Set(pages.flatMap((page) => page.raw_missing))],
    windows: [...windows.values()],
    as_of: last.as_of,
    unsettled: last.unsettled,
    plan_hash: last.plan_hash,
    calls: pages.length,
    beyond_limit: sum('would_send') - first.would_send,
    notes: [...new Set(pages.flatMap((page) => page.notes))],
  };
}
