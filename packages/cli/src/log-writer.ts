import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/**
 * Returns a function that writes lines. Its promise resolves when the reader has taken them and rejects when the reader
 * is gone.
 */
export type WriteLines = (lines: string) => Promise<void>;

/**
 * Writes to standard error without ever blocking the process. Node writes to a pipe synchronously, so a hanging reader
 * would stop the whole server; this opens the pipe a second time for asynchronous writes. If the reader is gone, only
 * log lines are lost.
 */
export function createLogWriter(stream: Writable = standardError()): WriteLines {
  let gone: Error | null = null;
  // Without a listener the error of a closed pipe would end the process.
  stream.on('error', (error: Error) => {
    gone = error;
  });
  return (lines) =>
    new Promise((done, fail) => {
      if (gone !== null) return fail(gone);
      stream.write(lines, (error) => (error ? fail(error) : done()));
    });
}

const STDERR = 2;

function standardError(): Writable {
  try {
    const file = fstatSync(STDERR);
    if (file.isFIFO() || file.isSocket()) {
      const socket = new Socket({ fd: STDERR, readable: false, writable: true });
      // Unread lines must not keep the process alive; the server decides when it ends.
      socket.unref();
      return socket;
    }
  } catch {
    // Standard error was closed before the process started; Node's own stream then accepts the lines and drops them.
  }
  return process.stderr;
}
