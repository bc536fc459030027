import type { Answer } from './call.ts';

/** Bytes per chunk: passing on single events would cost more than reading them. */
const CHUNK_CHARS = 64 * 1024;

/** The media type of these streams. */
export const NDJSON = 'application/x-ndjson';

/** Reads no chunk in advance. */
const ON_DEMAND = { highWaterMark: 0 };

/**
 * Streams lines on demand; a reader that disconnects ends the source. The first line is read before the answer begins, so
 * that a fault found by then still determines the status. A later fault breaks off the stream; the reader notices by the
 * missing last line. With `isEager`, each text of the source is sent at once: it has gathered its lines itself.
 */
export async function ndjson(lines: AsyncIterable<string>, { isEager = false } = {}): Promise<Answer> {
  const iterator = lines[Symbol.asyncIterator]();
  const first = await iterator.next();
  const body = new ReadableStream<Uint8Array>(
    linesSource(iterator, { first, charsMin: isEager ? 1 : CHUNK_CHARS }),
    ON_DEMAND,
  );
  return { status: 200, type: NDJSON, body };
}

function linesSource(
  iterator: AsyncIterator<string>,
  { first, charsMin }: { first: IteratorResult<string>; charsMin: number },
): UnderlyingDefaultSource<Uint8Array> {
  const encoder = new TextEncoder();
  let next: IteratorResult<string> | null = first;
  return {
    async pull(controller) {
      let text = '';
      while (text.length < charsMin) {
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
