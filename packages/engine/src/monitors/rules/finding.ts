import { type DeclaredName, flagOf, formatEpochMs, LIMITS, type SelectionOf, toWire } from '@pik/schema';

/** A fault that a monitor has found. */
export interface Finding {
  /** One text for each condition of the monitor. */
  readonly subject: string;
  readonly group: Readonly<Record<string, string>>;
  readonly sentence: string;
  /** When it began; null if the evidence does not say. */
  readonly since: string | null;
  /** The command that shows the evidence. */
  readonly command: string;
  /** The path and the fields of a page of the console. */
  readonly page: Page;
}

/** A page of the console, below `/ui`. */
export interface Page {
  readonly path: string;
  readonly fields: Readonly<Record<string, string | undefined>>;
}

/** The result of one check of a monitor. */
export interface Judgement {
  readonly findings: readonly Finding[];
  /** True if a condition that is not among the findings is over; it began at `since`. */
  isOver(subject: string, since: string | null): boolean;
}

/** A judgement after which every condition that was not found is over, unless the answer is incomplete. */
export function judgement(
  findings: readonly Finding[],
  { partial = false }: { partial?: boolean | undefined },
): Judgement {
  return { findings, isOver: () => !partial };
}

/** The fields that name a series. */
interface SeriesFields {
  readonly source?: string | undefined;
  readonly event_type?: string | undefined;
}

/** The name of a source and type for people. */
export function seriesName({ source, event_type }: SeriesFields): string {
  return [source, event_type].filter((part) => part !== undefined).join(' ') || 'all events';
}

/** The known members of a group. */
export function groupOf(group: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const known: Record<string, string> = {};
  for (const [name, value] of Object.entries(group)) if (value !== undefined) known[name] = value;
  return known;
}

/** The command of a question, with the fields that select its evidence. */
export function commandOf<N extends DeclaredName>(name: N, given: SelectionOf<N>, command: string = name): string {
  const flags = Object.entries(toWire(given)).map(([field, value]) => {
    return value === 'true' ? flagOf(field) : `${flagOf(field)} ${quoted(value)}`;
  });
  return ['pik', command, ...flags].join(' ');
}

function quoted(text: string): string {
  return /^[\w./:@,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** The address of a page of the console; null if the server does not know its own. */
export function linkOf(consoleUrl: string | null, { path, fields }: Page): string | null {
  if (consoleUrl === null) return null;
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) query.set(name, value);
  return `${consoleUrl.replace(/\/+$/, '')}/ui${path}?${query}`;
}

/** A time of a report, without the digits below a second that are zero. */
export function shortTime(time: string): string {
  return time.replace(/\.?0*Z$/, 'Z');
}

/** Milliseconds as a time of a question. */
export function timeOf(ms: number): string {
  return shortTime(formatEpochMs(ms));
}

/** A sentence that fits into an alert. */
export function cutSentence(text: string): string {
  return text.length <= LIMITS.alert_chars_max ? text : `${text.slice(0, LIMITS.alert_chars_max - 1)}…`;
}
