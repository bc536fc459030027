import { CONSOLE_ASSETS, CONSOLE_POLICY, consoleFiles, consolePage } from '@pik/console';

import type { Answer } from './call.ts';

const PAGE = '/ui';

/** The answer to a request of the console: its page for every address below `/ui`, or one of its files; null for other paths. */
export async function answerConsole(request: Request): Promise<Answer | null> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return null;
  const path = new URL(request.url).pathname;
  if (path.startsWith(`/${CONSOLE_ASSETS}`)) return fileAnswer(path.slice(CONSOLE_ASSETS.length + 1));
  if (path !== PAGE && !path.startsWith(`${PAGE}/`)) return null;
  return consoleAnswer('../'.repeat(path.split('/').length - 2));
}

/** The page of the console; `toRoot` leads from its address to the root of the API. */
export async function consoleAnswer(toRoot: string): Promise<Answer> {
  return {
    status: 200,
    type: 'text/html; charset=utf-8',
    body: await consolePage(toRoot),
    headers: { 'content-security-policy': CONSOLE_POLICY, vary: 'accept' },
  };
}

async function fileAnswer(name: string): Promise<Answer | null> {
  const file = (await consoleFiles()).get(name);
  if (file === undefined) return null;
  // The name changes with the content.
  const headers = { 'cache-control': 'public, max-age=31536000, immutable' };
  return { status: 200, type: file.type, body: file.text, headers };
}
