import { fieldFault, LIMITS, parseEventId } from '@pik/schema';

import type { ReplayPipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Handler, Handlers } from './call.ts';
import { readJsonBody } from './json-body.ts';
import { routedQuestion } from './routed-question.ts';

/** `POST /replay`: a part of a replay, or of a dry run. */
const replay: Handler<'replay', ReplayPipeline> = async ({ pipeline, readers }, call) => {
  const { body, wireBytes } = await readJsonBody('replay', call.request);
  call.notes.bytes_in = wireBytes;
  if (body.event_ids?.some((id) => parseEventId(id) === null))
    throw fieldFault('event_ids', 'has an entry that is not an event id');
  const isPlan = body.dry_run === true;
  // A replay is not given up when its caller goes away.
  if (readers?.isUsable === true) return readers.ask(routedQuestion('replay', call, body), isPlan ? call.asking() : {});
  return json(isPlan ? await pipeline.planReplay(body, call.asking()) : await pipeline.replay(body, call));
};

/** `POST /replays/:replay_id/cancel`. */
const replayCancel: Handler<'replayCancel', ReplayPipeline> = async ({ pipeline }, { query, isMasked }) =>
  json(await pipeline.cancelReplay(query.replay_id, { isMasked }));

/** `GET /dead-letters`. */
export const deadLetters: Handler<'deadLetters', Pick<ReplayPipeline, 'listDeadLetters'>> = async (
  { pipeline },
  { query, asking },
) => json(await pipeline.listDeadLetters(page(query), asking()));

/** `POST /dead-letters/redrive`: a body that names messages, or `{}` for all of them. */
const redrive: Handler<'redrive', ReplayPipeline> = async ({ pipeline }, call) => {
  const { body, wireBytes } = await readJsonBody('redrive', call.request);
  call.notes.bytes_in = wireBytes;
  return json({ redriven: await pipeline.redrive(body.message_ids) });
};

/** The handlers of the routes that send messages or manage dead letters. */
export const REPLAY_HANDLERS = { replay, replayCancel, deadLetters, redrive } satisfies Handlers<ReplayPipeline>;

function page(query: { limit?: number | undefined; cursor?: string | undefined }) {
  return { limit: query.limit ?? LIMITS.page_items_default, cursor: query.cursor ?? null };
}
