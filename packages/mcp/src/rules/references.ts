import { isPackId, parseEventId } from '@pik/schema';

/** Most links in one answer. */
const LINKS_MAX = 10;

/** Pages of the console that show the answer of a tool, by the name of its question. */
const PAGES: Readonly<Record<string, string>> = {
  lag: 'lag',
  duplicates: 'duplicates',
  failures: 'failures',
  rejects: 'failures',
  gaps: 'gaps',
  completeness: 'completeness',
  compare: 'compare',
  schema: 'schema',
  find: 'events',
  metricList: 'metrics',
  replays: 'replays',
  deadLetters: 'dead-letters',
};

/**
 * Lists the addresses of the console about an answer: the page of the question, then each event and receipt that the answer
 * names, at most ten. Only ids of the kit's own forms get into them, so no stored text does.
 */
export function referencesOf(name: string, answer: unknown, consoleUrl: string): string[] {
  const root = consoleUrl.replace(/\/+$/, '');
  const page = PAGES[name];
  const links = new Set<string>();
  collect(answer, (path) => {
    if (links.size < LINKS_MAX) links.add(`${root}/ui/${path}`);
  });
  return [...(page === undefined ? [] : [`${root}/ui/${page}`]), ...links];
}

function collect(value: unknown, add: (path: string) => void): void {
  if (typeof value !== 'object' || value === null) return;
  const { event_id, pack_id, line, replay_id } = value as Readonly<Record<string, unknown>>;
  if (typeof event_id === 'string' && parseEventId(event_id) !== null) add(`events/${event_id}`);
  else if (typeof pack_id === 'string' && isPackId(pack_id) && Number.isInteger(line))
    add(`receipts/${pack_id}/${line}`);
  if (typeof replay_id === 'string' && isPackId(replay_id)) add(`replays/${replay_id}`);
  for (const member of Object.values(value)) collect(member, add);
}
