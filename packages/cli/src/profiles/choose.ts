import { KitError } from '@pik/schema';

import { type Profile, type Profiles, readProfiles } from './profiles.ts';

/** Options that name a server, a key or a profile. */
export interface ConnectionOptions {
  /** Default: PIK_URL, else that of the profile, else `DEFAULT_URL`. */
  readonly url?: string | undefined;
  /** Default: PIK_API_KEY, else that of the profile if its URL is asked, else none. */
  readonly apiKey?: string | undefined;
  /** Default: PIK_PROFILE, else the current one. */
  readonly profile?: string | undefined;
}

/** A server and a key, each with where it comes from. */
export interface Chosen {
  readonly url: string;
  readonly apiKey: string | undefined;
  readonly urlFrom: string;
  readonly keyFrom: string;
}

/** URL of the server unless an option, the environment or a profile names another. */
export const DEFAULT_URL = 'http://127.0.0.1:4600';

/**
 * The server and the key: an option wins over the environment, and both win over the current profile. `--profile` is an option too, so
 * that profile wins over the environment. A profile's key is sent to its own URL only. An empty variable counts as unset.
 *
 * @throws KitError `CONFIG_INVALID` if there is no profile of that name, or if the profiles cannot be read.
 */
export function choose(options: ConnectionOptions, env: NodeJS.ProcessEnv = process.env): Chosen {
  const named = options.profile;
  const [envUrl, envKey] = named === undefined ? [env.PIK_URL || undefined, env.PIK_API_KEY || undefined] : [];
  const url = options.url ?? envUrl;
  const key = options.apiKey ?? envKey;
  const profile = chosenProfile(options, env);
  const isItsUrl = profile !== null && (url === undefined || sameUrl(url, profile.url));
  const from = `the profile ${profile?.name}`;
  return {
    url: url ?? profile?.url ?? DEFAULT_URL,
    apiKey: key ?? (isItsUrl ? profile.api_key : undefined),
    urlFrom: options.url === undefined ? (envUrl === undefined ? from : 'PIK_URL') : '--url',
    keyFrom: options.apiKey === undefined ? (envKey === undefined ? from : 'PIK_API_KEY') : '--api-key',
  };
}

function chosenProfile(options: ConnectionOptions, env: NodeJS.ProcessEnv): (Profile & { name: string }) | null {
  const given = options.profile ?? (env.PIK_PROFILE || undefined);
  const all = readProfiles();
  const name = given ?? all.current;
  const profile = profileNamed(all, name);
  if (profile !== null) return { ...profile, name };
  if (given === undefined) return null;
  const known = Object.keys(all.profiles);
  const text = known.length === 0 ? 'there are none; `pik login` makes one' : `there are ${known.join(', ')}`;
  throw new KitError('CONFIG_INVALID', `there is no profile ${JSON.stringify(name)}: ${text}`);
}

/** The profile of this name; null if there is none. */
export function profileNamed({ profiles }: Profiles, name: string): Profile | null {
  return Object.hasOwn(profiles, name) ? (profiles[name] ?? null) : null;
}

function sameUrl(one: string, other: string): boolean {
  return one.replace(/\/+$/, '') === other.replace(/\/+$/, '');
}
