import { parseArgs } from 'node:util';

/** The events to send, the day to look at, and its as-of time. */
export interface Story {
  /** Changes of earthquakes as NDJSON, each keyed by its field `poll`; without it, a week of 2018. */
  readonly file: string | undefined;
  readonly day: string;
  readonly nextDay: string;
  /** Default: the end of the day. */
  readonly knownAt: string;
}

/** Reads `[FILE] [--day DATE] [--known-at TIME]`. */
export function readStory(): Story {
  const options = { day: { type: 'string' }, 'known-at': { type: 'string' } } as const;
  const { positionals, values } = parseArgs({ options, allowPositionals: true });
  const [file] = positionals;
  const day = values.day ?? (file === undefined ? '2018-02-03' : '2022-09-02');
  const nextDay = dayAfter(day);
  return { file, day, nextDay, knownAt: values['known-at'] ?? `${nextDay}T00:00:00Z` };
}

function dayAfter(day: string): string {
  const startMs = Date.parse(`${day}T00:00:00Z`);
  if (Number.isNaN(startMs)) {
    console.error('--day must be a date such as 2018-02-03');
    process.exit(2);
  }
  return new Date(startMs + 86_400_000).toISOString().slice(0, 10);
}
