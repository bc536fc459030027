import type { Socket } from 'node:net';

const SWITCHING_PROTOCOLS = 101;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/;
const STATUS_LINE_CHARS = 12;

type Call = (...args: unknown[]) => unknown;

/**
 * The status of an upgrade request. A library that takes over the connection writes its answer to the socket, past the
 * response; the first write on the socket reveals the status.
 */
export class UpgradeAnswer {
  /** Null until there is an answer, and if the connection ended without one. */
  status: number | null = null;

  /** @param isDetached The response has no connection: its library created it. */
  constructor(socket: Socket, isDetached: boolean) {
    // Some libraries answer first and pass the request on afterwards.
    if (isDetached && socket.bytesWritten > 0) this.status = SWITCHING_PROTOCOLS;
    for (const name of ['write', 'end'] as const) this.#listen(socket as unknown as Record<typeof name, Call>, name);
  }

  /** Listens until the first write: everything after it belongs to the other protocol. */
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
