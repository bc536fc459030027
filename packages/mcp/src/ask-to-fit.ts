import { LIMITS, leastOf } from '@pik/schema';
import type { Investigator } from '@pik/sdk/investigator';

import { bound } from './rules/bound.ts';
import type { Tool } from './tool.ts';

interface Asked {
  readonly investigator: Investigator;
  readonly given: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
}

/**
 * Asks a tool's question. If a page of the answer is too large, asks again for as many items as fit, so that its cursor leads to the
 * first item that was not shown. Throws what the question throws.
 */
export async function askToFit(tool: Tool, { investigator, given, signal }: Asked): Promise<unknown> {
  const answer = await tool.call(investigator, given, signal);
  if (!Object.hasOwn(tool.fields, 'limit')) return answer;
  const { cut } = bound(answer, LIMITS.mcp_answer_chars_max);
  const shown = cut.filter(({ path }) => tool.pages.includes(path)).map((list) => list.shown);
  if (shown.length === 0) return answer;
  return tool.call(investigator, { ...given, limit: Math.max(1, leastOf(shown)) }, signal);
}
