import { KitError, type ReplayBody, type RouteName } from '@pik/schema';

import type { InvestigatePipeline, QuestionOptions, ReplayPipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Answer, Call, Handler, Handlers, RoutedQuestion, Services } from './call.ts';
import { INVESTIGATE_HANDLERS } from './investigate-handlers.ts';
import { deadLetters } from './replay-handlers.ts';

/** The part of a pipeline that reads. */
export type ReadPipeline = InvestigatePipeline & Pick<ReplayPipeline, 'planReplay' | 'listDeadLetters'>;

const HANDLERS: Handlers<ReadPipeline> = { ...INVESTIGATE_HANDLERS, deadLetters };

/**
 * Answers a question of another thread, with the handlers that answer it there.
 *
 * @throws KitError what the handler of the route throws.
 */
export async function answerRouted(
  pipeline: ReadPipeline,
  question: RoutedQuestion,
  options: QuestionOptions,
): Promise<Answer> {
  const { route, body } = question;
  // A replay with `dry_run`; the caller's thread has read and checked its body.
  if (route === 'replay') return json(await pipeline.planReplay(body as ReplayBody, options));
  return answerBy(HANDLERS[route] as Handler<RouteName, ReadPipeline> | undefined, { pipeline, question, options });
}

interface Routed {
  readonly pipeline: ReadPipeline;
  readonly question: RoutedQuestion;
  readonly options: QuestionOptions;
}

async function answerBy(
  handler: Handler<RouteName, ReadPipeline> | undefined,
  { pipeline, question, options }: Routed,
): Promise<Answer> {
  if (handler === undefined) throw new KitError('INTERNAL', `${question.route} is not a question`);
  const { url, accept, requestId, receivedMs, principal, params } = question;
  const services: Services<ReadPipeline> = { pipeline, readers: null, health: null, metricsText: null };
  const headers = accept === null ? {} : { accept };
  return handler(services, {
    ...{ requestId, receivedMs, principal, params, notes: { bytes_in: 0 } },
    request: new Request(url, { headers }),
    query: question.query as Call<RouteName>['query'],
    asking: () => options,
  });
}
