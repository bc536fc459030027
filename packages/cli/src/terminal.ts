import type { SingleBar } from 'cli-progress';
import cliProgress from 'cli-progress';
import pc from 'picocolors';

import { progressStream } from './output.ts';

/** Progress of a long operation. */
export interface Progress {
  add(count: number): void;
  stop(): void;
}

/** Draws a progress bar if standard error is a terminal; otherwise does nothing. */
export function createProgress(label: string, total: number): Progress {
  const stream = progressStream();
  if (stream === null) return { add() {}, stop() {} };
  const bar: SingleBar = new cliProgress.SingleBar(
    {
      format: ` ${label.padEnd(16)} ${pc.cyan('{bar}')} {percentage} % | {value} of {total} | {duration_formatted}`,
      stream,
      hideCursor: true,
    },
    cliProgress.Presets.shades_classic,
  );
  bar.start(total, 0);
  return { add: (count) => bar.increment(count), stop: () => bar.stop() };
}
