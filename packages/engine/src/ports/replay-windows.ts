import type { FailedWindow, ReplayWindow, WindowCounts, WindowDone, WindowTarget } from './history-rows.ts';
import type { Page } from './queries.ts';

/** The windows that replays name, and what became of each. */
export interface ReplayWindows {
  /**
   * Notes windows before the message that names them is sent. Those that are noted stay as they are, but for a failure:
   * a message is on its way to them again.
   */
  addWindows(replayId: string, windows: readonly WindowTarget[]): Promise<void>;
  getWindow(replayId: string, window: WindowTarget): Promise<ReplayWindow | null>;
  setWindowResult(replayId: string, window: WindowTarget, done: WindowDone): Promise<void>;
  /** Notes why windows were left open by a message before it becomes a dead letter; those with a result stay as they are. */
  setWindowFailures(replayId: string, windows: readonly FailedWindow[]): Promise<void>;
  listWindows(replayId: string, cursor?: string | null): Promise<Page<ReplayWindow>>;
  countWindows(replayId: string): Promise<WindowCounts>;
  /** Windows whose message is a dead letter, at most `limit`, in no order. */
  listFailedWindows(replayId: string, limit: number): Promise<readonly FailedWindow[]>;
}
