import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { KitError } from '@pik/schema';

import { isErrno } from '../errno.ts';

/** A server, and the key that it takes. */
export interface Profile {
  readonly url: string;
  readonly api_key?: string | undefined;
}

/** The profiles of this user. */
export interface Profiles {
  /** The profile that commands use if nothing names another. */
  readonly current: string;
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** The name of the first profile. */
export const DEFAULT_PROFILE = 'default';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const NO_PROFILES: Profiles = { current: DEFAULT_PROFILE, profiles: {} };

/** The file with the profiles: in `PIK_CONFIG_DIR`, else in the system's place for a user's settings. */
export function profilesFile(env: NodeJS.ProcessEnv = process.env): string {
  const own = env.PIK_CONFIG_DIR || undefined;
  if (own !== undefined) return join(own, 'profiles.json');
  const roaming = process.platform === 'win32' ? env.APPDATA || undefined : undefined;
  return join(roaming ?? (env.XDG_CONFIG_HOME || join(homedir(), '.config')), 'pik', 'profiles.json');
}

/**
 * Reads the profiles; none if there is no file.
 *
 * @throws KitError `CONFIG_INVALID` if the file cannot be read as profiles.
 */
export function readProfiles(file: string = profilesFile()): Profiles {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return NO_PROFILES;
    throw new KitError('CONFIG_INVALID', `${file} cannot be read`, { cause: error });
  }
  const profiles = parseProfiles(text);
  if (profiles === null)
    throw new KitError(
      'CONFIG_INVALID',
      `${file} is not a file of profiles; \`pik login\` writes one after you remove it`,
    );
  return profiles;
}

/** True if other users may read the file. Windows has no such mode. */
export function isOpenToOthers(file: string = profilesFile()): boolean {
  if (process.platform === 'win32') return false;
  try {
    return (statSync(file).mode & 0o077) !== 0;
  } catch {
    return false;
  }
}

/** Writes the profiles, readable by this user alone. A reader sees the file before or after, never a part of it. */
export function writeProfiles(profiles: Profiles, file: string = profilesFile()): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const next = `${file}.${process.pid}`;
  try {
    writeFileSync(next, `${JSON.stringify(profiles, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    chmodSync(next, 0o600);
    renameSync(next, file);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}

/**
 * Checks the name of a profile, which a user typed.
 *
 * @throws KitError `CONFIG_INVALID`.
 */
export function checkName(name: string): string {
  if (NAME.test(name)) return name;
  throw new KitError('CONFIG_INVALID', 'the name of a profile has letters, digits, dots, dashes and underscores');
}

function parseProfiles(text: string): Profiles | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (!isObject(parsed) || typeof parsed.current !== 'string' || !isObject(parsed.profiles)) return null;
    const named = Object.entries(parsed.profiles).map(([name, value]) => [name, profileOf(value)] as const);
    const profiles: Record<string, Profile> = {};
    for (const [name, profile] of named) {
      if (profile === null) return null;
      profiles[name] = profile;
    }
    return { current: parsed.current, profiles };
  } catch {
    return null;
  }
}

function profileOf(value: unknown): Profile | null {
  if (!isObject(value) || typeof value.url !== 'string') return null;
  const { url, api_key } = value;
  if (api_key === undefined) return { url };
  return typeof api_key === 'string' ? { url, api_key } : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
