// The one place where a command writes to standard output and standard error; the log of a server has a writer of its own.

/** Whether the command does more than answer: then a reader who went away ends nothing. */
let isWorking = false;
let isGuarded = false;

/**
 * Ends a command quietly, with status 0, when whoever reads its output has gone, as `head` does; and with status 3 where
 * its output cannot be written for another reason, such as a full disk.
 */
export function guardOutput(): void {
  if (isGuarded) return;
  isGuarded = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => lost(error, 'output'));
  process.stderr.on('error', (error: NodeJS.ErrnoException) => lost(error, 'error'));
}

/**
 * From now on the command goes on without its reader, and its exit status is that of its work: it changes something, and
 * must not stop half-way because nobody looks.
 */
export function keepWorking(): void {
  isWorking = true;
}

const READER_GONE = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END']);

function lost(error: NodeJS.ErrnoException, stream: 'output' | 'error'): void {
  if (isWorking) return;
  if (READER_GONE.has(error.code ?? '')) process.exit(0);
  if (stream === 'output') writeErr(`pik: standard output cannot be written: ${error.message}\n`);
  process.exit(3);
}

/** Writes to standard output. */
export function writeOut(text: string): void {
  process.stdout.write(text);
}

/** Writes to standard error. */
export function writeErr(text: string): void {
  process.stderr.write(text);
}

/** Where progress is drawn: null unless a person is looking. */
export function progressStream(): NodeJS.WriteStream | null {
  return process.stderr.isTTY ? process.stderr : null;
}

/** How wide the terminal is; undefined where the output goes elsewhere. */
export function outputColumns(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}
