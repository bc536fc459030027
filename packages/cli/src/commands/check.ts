import { type Finding, judgeMonitor, watchesText } from '@pik/engine/monitors';
import { KitError, type Monitor } from '@pik/schema';

import { loadConfig } from '../config.ts';
import { EXIT } from '../exit-status.ts';
import { type GlobalOptions, investigator, print } from '../session.ts';
import { durationMs } from '../times.ts';

/** Options of `pik check`: monitors of a config, or thresholds. */
export interface CheckOptions extends GlobalOptions {
  readonly config?: string | undefined;
  /** Names of monitors of the config; default: all. */
  readonly monitor?: readonly string[] | undefined;
  readonly source?: string | undefined;
  readonly type?: string | undefined;
  readonly within?: string | undefined;
  readonly silentAfter?: string | undefined;
  readonly silence?: boolean | undefined;
  readonly gaps?: boolean | undefined;
  readonly completeness?: boolean | undefined;
  readonly duplicates?: boolean | undefined;
  readonly drift?: boolean | undefined;
  readonly maxLag?: string | undefined;
  readonly maxLate?: string | undefined;
  readonly maxFailures?: string | undefined;
  readonly maxFailureShare?: string | undefined;
}

/** The result of one monitor. */
export interface Checked {
  readonly name: string;
  readonly kind: Monitor['kind'];
  readonly watches: string;
  /** WRONG: there are findings; UNKNOWN: it could not be judged, and `fault` says why. */
  readonly state: 'OK' | 'WRONG' | 'UNKNOWN';
  readonly fault: string | null;
  readonly findings: readonly Pick<Finding, 'sentence' | 'since' | 'group' | 'command'>[];
}

/**
 * Judges monitors once, as of now, without hold-off and without telling anybody. Returns the exit status: yes if nothing is wrong, no
 * if something is, failed if nothing was found wrong but a monitor could not be judged.
 */
export async function check(options: CheckOptions): Promise<number> {
  const monitors = await monitorsOf(options);
  const ask = investigator(options);
  const checked: Checked[] = [];
  for (const monitor of monitors) checked.push(await checkOne((name, given) => ask.ask(name, given), monitor));
  print(options, checked, () => checked.map(checkedText).join('\n'));
  if (checked.some(({ state }) => state === 'WRONG')) return EXIT.no;
  return checked.some(({ state }) => state === 'UNKNOWN') ? EXIT.failed : EXIT.yes;
}

async function checkOne(ask: Parameters<typeof judgeMonitor>[0], monitor: Monitor): Promise<Checked> {
  const { name, kind } = monitor;
  const head = { name, kind, watches: watchesText(monitor) };
  try {
    const { findings, isOver } = await judgeMonitor(ask, monitor, Date.now());
    const shown = findings.map(({ sentence, since, group, command }) => ({ sentence, since, group, command }));
    if (shown.length > 0) return { ...head, state: 'WRONG', fault: null, findings: shown };
    // A condition of no series: an answer that cannot rule it out is incomplete.
    const isKnown = kind === 'silence' || isOver('', null);
    return isKnown
      ? { ...head, state: 'OK', fault: null, findings: [] }
      : {
          ...head,
          state: 'UNKNOWN',
          fault: 'the answer does not decide this: it is incomplete or has no number',
          findings: [],
        };
  } catch (error) {
    // Nothing can be asked of a server that is away, or with such a key.
    if (!KitError.is(error) || STOPS.has(error.code)) throw error;
    return { ...head, state: 'UNKNOWN', fault: `${error.code}: ${error.message}`, findings: [] };
  }
}

const STOPS: ReadonlySet<string> = new Set(['NETWORK', 'TIMEOUT', 'UNAUTHENTICATED', 'FORBIDDEN', 'ANSWER_NOT_OURS']);

function checkedText({ name, state, watches, fault, findings }: Checked): string {
  const head = `${state.padEnd(8)}${name}: fires when ${watches}`;
  if (fault !== null) return `${head}\n        ${fault}`;
  return [head, ...findings.flatMap(({ sentence, command }) => [`        ${sentence}`, `        ${command}`])].join(
    '\n',
  );
}

/** The monitors to judge: those of the config, or what the options say. */
async function monitorsOf(options: CheckOptions): Promise<readonly Monitor[]> {
  const asked = thresholds(options);
  if (options.config === undefined && options.monitor === undefined) {
    if (asked.length > 0) return asked;
    throw new KitError('CONFIG_INVALID', 'pik check needs --config with monitors, or what to check, such as --silence');
  }
  if (asked.length > 0)
    throw new KitError('CONFIG_INVALID', 'pik check takes either the monitors of --config or thresholds, not both');
  const { monitors = [] } = await loadConfig(options.config ?? 'pik.config.ts');
  const names = options.monitor ?? monitors.map(({ name }) => name);
  if (names.length === 0) throw new KitError('CONFIG_INVALID', 'the config declares no monitors');
  return names.map((name) => {
    const found = monitors.find((monitor) => monitor.name === name);
    if (found === undefined) throw new KitError('CONFIG_INVALID', `the config declares no monitor ${name}`);
    return found;
  });
}

function thresholds(options: CheckOptions): Monitor[] {
  const { source, type: event_type } = options;
  const series = { source, event_type };
  const within_ms = options.within === undefined ? undefined : duration('--within', options.within);
  const monitors: Monitor[] = [];
  if (options.silentAfter !== undefined) {
    if (source === undefined) throw new KitError('CONFIG_INVALID', '--silent-after needs --source');
    const after_ms = duration('--silent-after', options.silentAfter);
    monitors.push({ name: 'silent-after', kind: 'silence', ...series, after_ms });
  }
  if (options.silence) monitors.push({ name: 'silence', kind: 'silence', ...series });
  if (options.gaps) monitors.push({ name: 'gaps', kind: 'gaps', ...series });
  if (options.completeness) monitors.push({ name: 'completeness', kind: 'completeness', ...series });
  if (options.duplicates) monitors.push({ name: 'duplicates', kind: 'duplicates', ...series });
  if (options.drift) monitors.push({ name: 'drift', kind: 'drift', ...series });
  if (options.maxLag !== undefined || options.maxLate !== undefined)
    monitors.push({
      ...{ name: 'lag', kind: 'lag', ...series, within_ms },
      p95_ms_max: options.maxLag === undefined ? undefined : duration('--max-lag', options.maxLag),
      late_share_max: options.maxLate === undefined ? undefined : share('--max-late', options.maxLate),
    });
  if (options.maxFailures !== undefined || options.maxFailureShare !== undefined)
    monitors.push({
      ...{ name: 'failures', kind: 'failures', ...series, within_ms },
      count_max: options.maxFailures === undefined ? undefined : Number(options.maxFailures),
      share_max:
        options.maxFailureShare === undefined ? undefined : share('--max-failure-share', options.maxFailureShare),
    });
  return monitors;
}

function duration(flag: string, text: string): number {
  const ms = durationMs(text);
  if (ms === null) throw new KitError('CONFIG_INVALID', `${flag} must be a duration such as 30m, 2h or 3d`);
  return ms;
}

function share(flag: string, text: string): number {
  const value = Number(text);
  if (!(value >= 0 && value <= 1)) throw new KitError('CONFIG_INVALID', `${flag} must be a share from 0 to 1`);
  return value;
}
