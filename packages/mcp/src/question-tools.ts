import { type DeclaredName, type Question, ROUTES, type Route, type SelectionOf } from '@pik/schema';

import type { Tool } from './tool.ts';

/** Items of a page if the assistant names no limit. */
const LIMIT_DEFAULT = 20;

/** `tail` waits for what arrives; an assistant asks `find` for what is there. `audit` is about the people who ask. */
const LEFT_OUT: ReadonlySet<string> = new Set(['tail', 'audit']);

/** The name of a tool: `explainChange` becomes `explain_change`. */
export const toolName = (route: string): string => route.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** A tool for each declared question, in the order of the routes. A new question is a tool without further code. */
export function questionTools(): Tool[] {
  return (Object.entries(ROUTES) as [DeclaredName, Route][])
    .filter(([route, declared]) => isQuestion(declared) && declared.audit !== 'act' && !LEFT_OUT.has(route))
    .map(([route, declared]) => questionTool(route, declared as Question));
}

const isQuestion = (declared: Route) => Object.hasOwn(declared, 'name');

function questionTool(route: DeclaredName, { summary, fields, params, exposes, pages }: Question): Tool {
  // Lines are for programs that read all events; an assistant gets pages.
  const { include: _, ...rest } = { ...params, ...fields };
  const isPaged = Object.hasOwn(fields, 'limit');
  const secret = exposes === 'payload' ? ' The answer may have values from payloads.' : '';
  return {
    ...{ name: toolName(route), route, pages, fields: rest, readsOnly: true },
    description: `${summary}${secret}`,
    call: (kit, given, signal) =>
      kit.ask(route, { ...(isPaged ? { limit: LIMIT_DEFAULT } : {}), ...given } as SelectionOf<DeclaredName>, {
        signal,
      }),
  };
}
