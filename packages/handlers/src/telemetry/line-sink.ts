/** How much a sink holds while nobody takes it. */
export interface LineSinkOptions {
  readonly waitingLinesMax: number;
  /** The line that tells, once lines flow again, how many were dropped. */
  readonly droppedLine: (count: number) => string;
}

/** Takes lines and never waits. */
export interface LineSink {
  push(line: string): void;
}

/**
 * Puts a bounded queue before a writer that may be slow, hang or throw. While a write is under way lines gather; then
 * they go out together. A full queue drops the newest lines and counts them: memory stays flat, callers never wait.
 */
export function createLineSink(write: (lines: string) => unknown, options: LineSinkOptions): LineSink {
  let busy = false;
  let dropped = 0;
  let waiting: string[] = [];

  const send = (lines: string): void => {
    try {
      const result = write(lines);
      if (!isThenable(result)) return;
      busy = true;
      result.then(settled, settled);
    } catch {
      // A log that cannot be written must not take down what it logs.
    }
  };
  const settled = (): void => {
    busy = false;
    const lines = dropped === 0 ? waiting : [...waiting, options.droppedLine(dropped)];
    waiting = [];
    dropped = 0;
    if (lines.length > 0) send(lines.join(''));
  };
  return {
    push(line) {
      if (!busy) send(line);
      else if (waiting.length < options.waitingLinesMax) waiting.push(line);
      else dropped += 1;
    },
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
