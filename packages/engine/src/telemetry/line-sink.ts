/** How much a sink holds while nobody takes it. */
export interface LineSinkOptions {
  readonly waitingLinesMax: number;
  /** The line that tells, once lines flow again, how many were dropped. */
  readonly droppedLine: (count: number) => string;
  /** Told of lines that were dropped, or that the writer did not take. */
  readonly onLost?: ((count: number) => void) | undefined;
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

  const lost = (count: number): void => options.onLost?.(count);
  const send = (lines: string, count: number): void => {
    try {
      const result = write(lines);
      if (!isThenable(result)) return;
      busy = true;
      result.then(settled, () => {
        lost(count);
        settled();
      });
    } catch {
      // A log that cannot be written must not take down what it logs.
      lost(count);
    }
  };
  const settled = (): void => {
    busy = false;
    const lines = dropped === 0 ? waiting : [...waiting, options.droppedLine(dropped)];
    waiting = [];
    dropped = 0;
    if (lines.length > 0) send(lines.join(''), lines.length);
  };
  return {
    push(line) {
      if (!busy) send(line, 1);
      else if (waiting.length < options.waitingLinesMax) waiting.push(line);
      else {
        dropped += 1;
        lost(1);
      }
    },
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
