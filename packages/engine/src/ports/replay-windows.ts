import type { FailedWindow, ReplayWindow, WindowCounts, WindowDone, WindowTarget } from './history-rows.ts';
import type { Page } from './queries.ts';

/** The windows that replays name, and the result of each. */
export interface ReplayWindows {
  /**
   * Records windows before the message that names them is sent. Recorded windows stay as they are, except that a failure is
   * cleared, since a message is queued again.
   */
  addWindows(replayId: string, windows: readonly WindowTarget[]): Promise<void>;
  getWindow(replayId: string, window: WindowTarget): Promise<ReplayWindow | null>;
  setWindowResult(replayId: string, window: WindowTarget, done: WindowDone): Promise<void>;
  /** Records why a message left windows open, before it becomes a dead letter; windows with a result stay as they are. */
  setWindowFailures(replayId: string, windows: readonly FailedWindow[]): Promise<void>;
  listWindows(replayId: string, cursor?: string | null): Promise<Page<ReplayWindow>>;
  countWindows(replayId: string): Promise<WindowCounts>;
  /** Windows whose message is a dead letter, at most `limit`, unordered. */
  listFailedWindows(replayId: string, limit: number): Promise<readonly FailedWindow[]>;
}
