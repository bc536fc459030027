export { toResponse } from './http/answer.ts';
export { createAppOf, type Pages } from './http/app.ts';
export { type ApiKey, type Authenticate, createAuthenticate } from './http/auth.ts';
export type { Handlers } from './http/call.ts';
export { answerConsole } from './http/console.ts';
export { INGEST_HANDLERS } from './http/ingest-handler.ts';
export { INVESTIGATE_HANDLERS } from './http/investigate-handlers.ts';
export { problem } from './http/problem.ts';
export { REPLAY_HANDLERS } from './http/replay-handlers.ts';
