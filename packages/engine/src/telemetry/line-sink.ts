/** The bound of a line sink, and its handling of lost lines. */
export interface LineSinkOptions {
  readonly waitingLinesMax: number;
  /** Creates the line that reports, once lines flow again, how many were dropped. */
  readonly droppedLine: (count: number) => string;
  /** Called with the number of lines that were dropped or that the writer rejected. */
  readonly onLost?: ((count: number) => void) | undefined;
}

/** Accepts lines and never blocks. */
export interface LineSink {
  push(line: string): void;
}

/**
 * Puts a bounded queue in front of a writer that may be slow, hang or throw. During a write, lines gather and are then
 * written together. A full queue drops the newest lines and counts them: memory stays bounded, and callers never wait.
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
      // A failing log must not break the code that it logs.
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
