import type { Answer } from './call.ts';

/** Bytes per chunk: passing on single events would cost more than reading them. */
const CHUNK_CHARS = 64 * 1024;

/** Reads no chunk in advance. */
const ON_DEMAND = { highWaterMark: 0 };

/**
 * Streams lines on demand; a reader that disconnects ends the source. The first line is read before the answer begins, so
 * that a fault found by then still determines the status. A later fault breaks off the stream; the reader notices by the
 * missing last line.
 */
export async function ndjson(lines: AsyncIterable<string>): Promise<Answer> {
  const iterator = lines[Symbol.asyncIterator]();
  const first = await iterator.next();
  const body = new ReadableStream<Uint8Array>(linesSource(iterator, first), ON_DEMAND);
  return { status: 200, type: 'application/x-ndjson', body };
}

function linesSource(
  iterator: AsyncIterator<string>,
  first: IteratorResult<string>,
): UnderlyingDefaultSource<Uint8Array> {
  const encoder = new TextEncoder();
  let next: IteratorResult<string> | null = first;
  return {
    async pull(controller) {
      let text = '';
      while (text.length < CHUNK_CHARS) {
        const { done, value } = next ?? (await iterator.next());
        next = null;
        if (done === true) {
          if (text !== '') controller.enqueue(encoder.encode(text));
          return controller.close();
        }
        text += value.endsWith('\n') ? value : `${value}\n`;
      }
      controller.enqueue(encoder.encode(text));
    },
    async cancel() {
      await iterator.return?.();
    },
  };
}
