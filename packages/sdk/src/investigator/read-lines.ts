import { readBody } from './ask.ts';

/** The lines of a response, each when it has arrived. A last line without a line break is dropped. */
export async function* readLines(response: Response, signal: AbortSignal | undefined): AsyncGenerator<string> {
  if (response.body === null) return;
  const reader = response.body
    .pipeThrough(new TextDecoderStream('utf-8', { fatal: true, ignoreBOM: true }))
    .getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await readBody(() => reader.read(), signal);
      if (done) break;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      yield* lines;
    }
  } finally {
    // A caller that stops early does not wait for the cancellation.
    void reader.cancel().catch(() => undefined);
  }
}
