import { KitError, type ReplayBody, type RouteName } from '@pik/schema';

import type { InvestigatePipeline, QuestionOptions, ReplayPipeline } from '../api/pipeline.ts';
import { json } from './answer.ts';
import type { Answer, Call, Handler, Handlers, RoutedQuestion, Services } from './call.ts';
import { INVESTIGATE_HANDLERS } from './investigate-handlers.ts';
import { deadLetters } from './replay-handlers.ts';

/** The part of a pipeline that answers routed questions. */
export type RoutedPipeline = InvestigatePipeline & Pick<ReplayPipeline, 'replay' | 'planReplay' | 'listDeadLetters'>;

const HANDLERS: Handlers<RoutedPipeline> = { ...INVESTIGATE_HANDLERS, deadLetters };

/**
 * Answers a question of another thread, with the handlers that answer it there.
 *
 * @throws KitError what the handler of the route throws.
 */
export async function answerRouted(
  pipeline: RoutedPipeline,
  question: RoutedQuestion,
  options: QuestionOptions,
): Promise<Answer> {
  const { route, body, isMasked } = question;
  const own = { ...options, isMasked };
  // The caller's thread has read and checked the body.
  if (route === 'replay') return json(await answerReplay(pipeline, body as ReplayBody, { question, options: own }));
  return answerBy(HANDLERS[route] as Handler<RouteName, RoutedPipeline> | undefined, {
    pipeline,
    question,
    options: own,
  });
}

function answerReplay(
  pipeline: RoutedPipeline,
  body: ReplayBody,
  { question, options }: Pick<Routed, 'question' | 'options'>,
): Promise<object> {
  return body.dry_run === true ? pipeline.planReplay(body, options) : pipeline.replay(body, question);
}

interface Routed {
  readonly pipeline: RoutedPipeline;
  readonly question: RoutedQuestion;
  readonly options: QuestionOptions;
}

async function answerBy(
  handler: Handler<RouteName, RoutedPipeline> | undefined,
  { pipeline, question, options }: Routed,
): Promise<Answer> {
  if (handler === undefined) throw new KitError('INTERNAL', `${question.route} is not a question`);
  const { url, accept, requestId, receivedMs, principal, isMasked, params } = question;
  const services: Services<RoutedPipeline> = { pipeline, readers: null, health: null, metricsText: null, mcp: null };
  const headers = accept === null ? {} : { accept };
  return handler(services, {
    ...{ requestId, receivedMs, principal, isMasked, params, notes: { bytes_in: 0 } },
    request: new Request(url, { headers }),
    query: question.query as Call<RouteName>['query'],
    isPage: false,
    asking: () => options,
  });
}
