import type { TailItem } from '@pik/schema';

import type { InvestigatePipeline } from '../api/pipeline.ts';
import { accepts } from './accepts.ts';
import { json } from './answer.ts';
import type { Answer, Handler } from './call.ts';

/** The media type of server-sent events. */
const EVENT_STREAM = 'text/event-stream';

/**
 * `GET /events/stream`: server-sent events, which continue after `Last-Event-ID`; otherwise a page as JSON, to be polled. A backend that
 * does not see what arrives answers with a page in either case.
 */
export const tailHandler: Handler<'tail', InvestigatePipeline> = async ({ pipeline }, { query, request, asking }) => {
  const headers = { vary: 'accept' };
  const cursor = request.headers.get('last-event-id') ?? query.cursor;
  const given = cursor === undefined ? query : { ...query, cursor };
  const items = accepts(request, EVENT_STREAM) ? pipeline.listen(given, asking()) : null;
  if (items === null) return { ...json(await pipeline.ask('tail', given, asking())), headers };
  return { ...(await eventStream(items)), headers: { ...headers, 'x-accel-buffering': 'no' } };
};

/** The first item is awaited, so that a fault in the request still determines the status. */
async function eventStream(items: AsyncIterable<TailItem>): Promise<Answer> {
  const iterator = items[Symbol.asyncIterator]();
  let next: IteratorResult<TailItem> | null = await iterator.next();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = next ?? (await iterator.next());
        next = null;
        if (done === true) controller.close();
        else controller.enqueue(encoded(value));
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  return { status: 200, type: EVENT_STREAM, body };
}

const encoder = new TextEncoder();
/** Listeners share the item of a match, so it is encoded once for all of them. */
const known = new WeakMap<TailItem, Uint8Array>();

function encoded(item: TailItem): Uint8Array {
  const bytes = known.get(item) ?? encoder.encode(eventText(item));
  known.set(item, bytes);
  return bytes;
}

/** A match is an event without a name; the id of each event continues after it. An event without data only moves the id. */
function eventText(item: TailItem): string {
  const id = `id: ${item.cursor}\n`;
  if (item.kind === 'at') return `${id}\n`;
  if (item.kind === 'match') return `${id}data: ${item.json}\n\n`;
  return `event: ${item.kind}\n${id}data: ${JSON.stringify(item.skipped)}\n\n`;
}
