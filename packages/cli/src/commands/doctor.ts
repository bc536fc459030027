import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { arch, platform, release } from 'node:os';
import { join } from 'node:path';
import { grouped, printable, tableText } from '@pik/render';
import { counted, durationText, KitError, ROUTES } from '@pik/schema';
import own from '../../package.json' with { type: 'json' };
import { loadConfig } from '../config.ts';
import { foreignErrorText } from '../foreign-error.ts';
import { type Checked, keyChecked, send } from '../profiles/check-key.ts';
import { choose } from '../profiles/choose.ts';
import { isOpenToOthers, profilesFile, readProfiles } from '../profiles/profiles.ts';
import { withoutSecrets } from '../secrets.ts';
import { connection, type GlobalOptions, print } from '../session.ts';

/** Options of `pik doctor`. */
export interface DoctorOptions extends GlobalOptions {
  readonly data: string;
  readonly config?: string | undefined;
}

/** The `Date` of an answer has whole seconds, and the answer takes time. */
const CLOCK_MS_MAX = 2_000;
const FREE_BYTES_MIN = 1_000_000_000;
const MB = 1_000_000;

/**
 * Checks this machine, the server, the key, the data directory and the config file. Sends nothing that is stored, and prints no
 * credential, so that the output can go into a bug report. True without a fault.
 */
export async function doctor(options: DoctorOptions): Promise<boolean> {
  const found = [versions(), profile(), ...(await server(options)), data(options.data), await config(options.config)];
  const checks = found.map((checked) => ({ ...checked, text: withoutSecrets(checked.text) }));
  print(options, checks, () =>
    tableText(
      ['check', 'result', 'details'],
      checks.map(({ check, result, text }) => [check, result, printable(text)]),
    ),
  );
  return checks.every(({ result }) => result !== 'fault');
}

function versions(): Checked {
  const { node } = process.versions;
  const text = `pik ${own.version}, Node ${node}, ${platform()} ${release()} ${arch()}`;
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isNew = major > 22 || (major === 22 && minor >= 18);
  if (isNew) return { check: 'versions', result: 'ok', text };
  return { check: 'versions', result: 'warning', text: `${text}; serve and rebuild need Node 22.18 or newer` };
}

function profile(): Checked {
  const check = 'profiles';
  const file = profilesFile();
  try {
    const names = Object.keys(readProfiles(file).profiles);
    if (names.length === 0) return { check, result: 'skipped', text: 'none are stored' };
    const text = `${counted(names.length, 'profile')} in ${file}`;
    if (!isOpenToOthers(file)) return { check, result: 'ok', text };
    return { check, result: 'warning', text: `${text}, which other users may read: chmod 600 it, and renew the keys` };
  } catch (error) {
    return { check, result: 'fault', text: textOf(error) };
  }
}

async function server(options: DoctorOptions): Promise<Checked[]> {
  let asked: { url: string; apiKey?: string | undefined };
  try {
    asked = connection(options);
  } catch (error) {
    return [{ check: 'server', result: 'fault', text: textOf(error) }];
  }
  const startedMs = Date.now();
  try {
    const answer = await send(asked, ROUTES.healthz.path);
    const endedMs = Date.now();
    const health = (await answer.json().catch(() => ({}))) as { status?: unknown; code?: unknown; detail?: unknown };
    const { url } = asked;
    const took = `${url} answers in ${durationText(endedMs - startedMs)}`;
    const state = answer.ok ? String(health.status) : `${answer.status} ${health.code ?? ''} ${health.detail ?? ''}`;
    return [
      { check: 'server', result: answer.ok ? 'ok' : 'fault', text: `${took}: ${state.trim()}` },
      clock(answer.headers.get('date'), (startedMs + endedMs) / 2),
      await keyChecked(asked, choose(options).keyFrom),
    ];
  } catch (error) {
    return [{ check: 'server', result: 'fault', text: `${asked.url} cannot be reached: ${textOf(error)}` }];
  }
}

function clock(date: string | null, hereMs: number): Checked {
  const thereMs = Date.parse(date ?? '');
  if (Number.isNaN(thereMs)) return { check: 'clock', result: 'skipped', text: 'the answer has no date' };
  // The date is cut to whole seconds: half a second more on average.
  const aheadMs = thereMs + 500 - hereMs;
  if (Math.abs(aheadMs) <= CLOCK_MS_MAX)
    return { check: 'clock', result: 'ok', text: "the server's clock agrees with this machine's" };
  const way = aheadMs > 0 ? 'ahead of' : 'behind';
  const text = `the server's clock is ${durationText(Math.abs(aheadMs))} ${way} this machine's: lag and as-of times are off by that much`;
  return { check: 'clock', result: 'warning', text };
}

function data(dir: string): Checked {
  const check = 'data';
  if (!existsSync(dir))
    return { check, result: 'skipped', text: `${dir} does not exist: no server of this folder ran here` };
  const mode = statSync(dir).mode & 0o777;
  const { bavail, bsize } = statfsSync(dir);
  const free = bavail * bsize;
  const text = `${dir}, ${ownerOf(dir)}, ${grouped(Math.floor(free / MB))} MB free`;
  if ((mode & 0o077) !== 0 && platform() !== 'win32')
    return { check, result: 'warning', text: `${text}; other users may enter it (mode ${mode.toString(8)})` };
  if (free < FREE_BYTES_MIN) return { check, result: 'warning', text: `${text}: a full disk refuses events` };
  return { check, result: 'ok', text };
}

/** The process that has the directory open, according to the note that its lock leaves. */
function ownerOf(dir: string): string {
  try {
    const { pid, since } = JSON.parse(readFileSync(join(dir, 'owner.json'), 'utf8')) as { pid: number; since: string };
    // Signal 0 only asks whether the process exists.
    process.kill(pid, 0);
    return `open in process ${pid} since ${since}`;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' ? "open in another user's process" : 'not open';
  }
}

async function config(file: string | undefined): Promise<Checked> {
  const check = 'config';
  if (file === undefined) return { check, result: 'skipped', text: 'without --config there is nothing to check' };
  try {
    const { aggregates = [], apiKeys = [] } = await loadConfig(file);
    const metrics = aggregates.map(({ metric }) => metric).join(', ');
    const text = `${file}: ${counted(aggregates.length, 'metric')}${metrics && ` (${metrics})`}, ${counted(apiKeys.length, 'key')}`;
    return { check, result: 'ok', text };
  } catch (error) {
    return { check, result: 'fault', text: textOf(error) };
  }
}

function textOf(error: unknown): string {
  if (KitError.is(error)) return `${error.code}: ${error.message}`;
  const { cause } = error as Error;
  const reason = cause instanceof Error ? cause : error;
  return reason instanceof Error && !('syscall' in reason) ? reason.message : foreignErrorText(reason);
}
