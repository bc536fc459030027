import { at, type PlannedWindow, type ReplayPlanPage } from '@pik/schema';

import { type Asking, ask, type CallOptions } from './ask.ts';
import type { ReplayDrive, ReplayHandle } from './replay-handle.ts';

/** Plan of a replay: everything was read, nothing was sent. */
export interface ReplayPlan {
  /** Events scanned in the range, and those that a replay would send. */
  readonly scanned: number;
  readonly would_send: number;
  readonly messages: number;
  /** Stored bytes of the packs that hold the events. A pack that several calls read counts for each. */
  readonly raw_bytes: number;
  readonly days: readonly { readonly day: string; readonly events: number }[];
  /** Events that the latest version of every touched window already contains. */
  readonly already_processed: number;
  /** Objects of the raw log that an event references but that are missing. */
  readonly raw_missing: readonly string[];
  /** Every window that would be recomputed, with its current and predicted value. */
  readonly windows: readonly PlannedWindow[];
  readonly as_of: string;
  readonly unsettled: boolean;
  readonly plan_hash: string;
  /** Calls that a replay takes. With a `limit`, a single call leaves out what the others would send. */
  readonly calls: number;
  /** Events beyond the first call. */
  readonly beyond_limit: number;
  readonly notes: readonly string[];
  /**
   * Executes the plan, as of its time. The result rejects with KitError `PLAN_STALE`, and nothing is sent, if the
   * selection or a version has changed since.
   */
  apply(options?: ReplayDrive & { reason?: string | undefined }): ReplayHandle;
}

type Facts = Omit<ReplayPlan, 'apply'>;

/** Reads all pages of a dry run. */
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
  const first = at(pages, 0);
  const last = at(pages, pages.length - 1);
  const windows = new Map<string, PlannedWindow>();
  const days = new Map<string, number>();
  for (const page of pages) {
    // All calls use the same `as_of`, so their predictions of a window agree.
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
