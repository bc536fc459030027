import { randomBytes } from 'node:crypto';

import { LIMITS } from '@pik/schema';

import { type Bounded, bound } from './rules/bound.ts';
import { fenced } from './rules/fence.ts';
import { referencesOf } from './rules/references.ts';
import type { Tool } from './tool.ts';

/** An answer as text: what it is, links, what was left out, and the data between marks. */
export function answerText(tool: Tool, answer: unknown, consoleUrl: string): string {
  const bounded = bound(answer, LIMITS.mcp_answer_chars_max);
  const links = referencesOf(tool.route, answer, consoleUrl);
  return [
    `${tool.name}: ${tool.description}`,
    ...(links.length === 0 ? [] : [`Pages of the console: ${links.join(' ')}`]),
    ...leftOut(bounded),
    fenced(bounded.json, nonce()),
  ].join('\n');
}

/** A refused or failed call as text. The message may quote what was given, so it is data too. */
export function errorText(code: string, message: string): string {
  return `The call failed.\n${fenced(JSON.stringify({ code, message }), nonce())}`;
}

const nonce = () => randomBytes(12).toString('hex');

function leftOut({ cut, texts }: Bounded): string[] {
  const lists = cut.map(({ path, shown, of }) => `${printablePath(path)} (${shown} of ${of})`);
  return [
    ...(lists.length === 0
      ? []
      : [`Left out of lists: ${lists.join(', ')}. Ask again with a smaller limit or a narrower selection.`]),
    ...(texts === 0 ? [] : [`Shortened texts: ${texts}. The tool receipt has all of one receipt.`]),
  ];
}

/** Member names of payloads are stored data: only those in the kit's own style are shown outside the marks. */
const printablePath = (path: string) => (/^[a-z_[\].]{1,80}$/.test(path) ? path : 'a list inside');
