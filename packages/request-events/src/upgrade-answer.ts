import type { Socket } from 'node:net';

const SWITCHING_PROTOCOLS = 101;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/;
const STATUS_LINE_CHARS = 12;

type Call = (...args: unknown[]) => unknown;

/**
 * What a request to become another protocol is answered. Whoever takes the connection over writes the answer past the
 * response, which then knows nothing of it; the first words on the connection say what it was.
 */
export class UpgradeAnswer {
  /** Null while there is none, or where the connection went without one. */
  status: number | null = null;

  /** @param isDetached The response has no connection: its library made it for itself. */
  constructor(socket: Socket, isDetached: boolean) {
    // Some libraries answer first, and hand the request on afterwards.
    if (isDetached && socket.bytesWritten > 0) this.status = SWITCHING_PROTOCOLS;
    for (const name of ['write', 'end'] as const) this.#listen(socket as unknown as Record<typeof name, Call>, name);
  }

  /** Until the first words: everything after them belongs to the other protocol. */
  #listen(socket: Record<'write' | 'end', Call>, name: 'write' | 'end'): void {
    const inner = socket[name];
    let isFirst = true;
    const listening: Call = (...args) => {
      if (isFirst) {
        isFirst = false;
        this.#note(args[0]);
        if (socket[name] === listening) Reflect.deleteProperty(socket, name);
      }
      return inner.apply(socket, args);
    };
    socket[name] = listening;
  }

  #note(chunk: unknown): void {
    const text = chunk instanceof Uint8Array ? Buffer.from(chunk.subarray(0, STATUS_LINE_CHARS)).toString() : chunk;
    const status = typeof text === 'string' ? STATUS_LINE.exec(text)?.[1] : undefined;
    if (status !== undefined) this.status = Number(status);
  }
}
