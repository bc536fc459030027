import { isPackId } from './pack.ts';
import { id, page } from './query-fields.ts';
import { defineQuestion } from './question.ts';
import { deadLetterPageSchema, replayPageSchema, replayViewSchema } from './replay.ts';

const shared = { scope: 'investigate', audit: 'read' } as const;

/** Who replayed what, when and why? The latest first. */
export const replaysQuestion = defineQuestion({
  ...shared,
  name: 'replays',
  path: '/replays',
  exposes: 'ids',
  form: 'listing',
  summary: 'Replays with requester, time and reason; the latest first.',
  query: page,
  answer: replayPageSchema,
  pages: ['replays'],
});

/** How far has a replay come? */
export const replayByIdQuestion = defineQuestion({
  ...shared,
  name: 'replayById',
  path: '/replays/:replay_id',
  exposes: 'payload',
  form: 'whole',
  summary: 'One replay and its progress.',
  params: {
    // Replay ids are UUIDv7, as pack ids are.
    replay_id: id(isPackId, 'id of the replay', {
      rule: 'is not the id of a replay',
      placeholder: 'id',
      example: '01890a5d-ac96-774b-bcce-b302099a8057',
    }),
  },
  query: {},
  answer: replayViewSchema,
});

/** Which messages could not be processed? */
export const deadLettersQuestion = defineQuestion({
  ...shared,
  name: 'deadLetters',
  path: '/dead-letters',
  exposes: 'payload',
  form: 'listing',
  summary: 'Messages that could not be processed, with the reason.',
  query: page,
  answer: deadLetterPageSchema,
  pages: ['dead_letters'],
});
