// The only place where a command writes to standard output and standard error; the server's log has its own writer.

/** True if the command changes something: then it finishes even if the reader of its output goes away. */
let isWorking = false;
let isGuarded = false;

/**
 * Makes the command exit quietly with status 0 when the reader of its output closes the pipe, as `head` does, and with
 * status 3 if the output cannot be written for another reason, such as a full disk.
 */
export function guardOutput(): void {
  if (isGuarded) return;
  isGuarded = true;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => lost(error, 'output'));
  process.stderr.on('error', (error: NodeJS.ErrnoException) => lost(error, 'error'));
}

/**
 * Lets the command finish without a reader; its exit status is then that of its work. For commands that change
 * something: they must not stop half-way because nobody reads the output.
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

/** Clears the terminal, and moves the cursor to its top left corner. */
const CLEAR = '\u001b[2J\u001b[H';
let isCleared = true;

/** Makes the next output replace what is on the terminal. Does nothing to other outputs. */
export function clearBeforeOutput(): void {
  isCleared = process.stdout.isTTY !== true;
}

/** Writes to standard output. */
export function writeOut(text: string): void {
  process.stdout.write(isCleared ? text : CLEAR + text);
  isCleared = true;
}

/** Writes to standard error. */
export function writeErr(text: string): void {
  process.stderr.write(text);
}

/** The stream that shows progress; null unless standard error is a terminal. */
export function progressStream(): NodeJS.WriteStream | null {
  return process.stderr.isTTY ? process.stderr : null;
}

/** Width of the terminal; undefined if the output is not a terminal. */
export function outputColumns(): number | undefined {
  return process.stdout.isTTY ? process.stdout.columns : undefined;
}

/** True if the output goes to a terminal. */
export function isTerminal(): boolean {
  return process.stdout.isTTY === true;
}
