import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { printable, tableText } from '@pik/render';
import { KitError } from '@pik/schema';

import { writeErr, writeOut } from '../output.ts';
import { keyChecked } from '../profiles/check-key.ts';
import { profileNamed } from '../profiles/choose.ts';
import {
  checkName,
  DEFAULT_PROFILE,
  type Profiles,
  profilesFile,
  readProfiles,
  writeProfiles,
} from '../profiles/profiles.ts';
import { withoutSecrets } from '../secrets.ts';
import { connection, print } from '../session.ts';

/** Options of `pik login`. */
export interface LoginOptions {
  readonly profile?: string | undefined;
  readonly url?: string | undefined;
  readonly apiKey?: string | undefined;
  /** True: the key is the first line of standard input; a terminal asks for it. */
  readonly withKey?: boolean | undefined;
  /** False: store it without asking the server. */
  readonly check: boolean;
}

/** Longest first line of standard input. */
const INPUT_CHARS_MAX = 4_096;

/**
 * Stores a server and its key as a profile, after the server has accepted the key. The first profile, and the one that is stored
 * last, is the current one. True if the server accepts the key.
 */
export async function login(options: LoginOptions): Promise<boolean> {
  const name = checkName(options.profile ?? (process.env.PIK_PROFILE || DEFAULT_PROFILE));
  const before = readProfiles();
  const apiKey = options.withKey === true ? await keyOfInput() : options.apiKey;
  const url = options.url ?? (process.env.PIK_URL || profileNamed(before, name)?.url);
  const { apiKey: given, ...server } = connection({ url, apiKey }, { isAlone: true });
  const key = given?.trim();
  if (options.check) {
    const { result, text } = await keyChecked({ ...server, apiKey: key });
    writeOut(`${withoutSecrets(`${server.url}: ${text}`)}\n`);
    if (result === 'fault') return false;
  }
  const profile = key === undefined ? { url: server.url } : { url: server.url, api_key: key };
  writeProfiles({ current: name, profiles: { ...before.profiles, [name]: profile } });
  writeOut(`The profile ${name} is stored in ${profilesFile()}, and commands use it.\n`);
  return true;
}

/** Removes a profile with its key. The key itself stays valid: the server's config revokes it. */
export function logout(options: { readonly profile?: string | undefined }): void {
  const before = readProfiles();
  const name = options.profile ?? (process.env.PIK_PROFILE || before.current);
  if (profileNamed(before, name) === null)
    throw new KitError('CONFIG_INVALID', `there is no profile ${JSON.stringify(name)}`);
  const { [name]: _, ...profiles } = before.profiles;
  const [next = DEFAULT_PROFILE] = Object.keys(profiles);
  writeProfiles({ current: before.current === name ? next : before.current, profiles });
  writeOut(`The profile ${name} is removed. Its key stays valid until the server's config revokes it.\n`);
}

/** Lists the profiles, or makes one the current one. Shows no key. */
export function profiles(options: { readonly use?: string | undefined; readonly json?: boolean | undefined }): void {
  const stored = options.use === undefined ? readProfiles() : used(options.use);
  const listed = Object.entries(stored.profiles).map(([name, { url, api_key }]) => ({
    name,
    current: name === stored.current,
    url: withoutSecrets(url),
    has_key: api_key !== undefined,
  }));
  print(options, listed, () => {
    if (listed.length === 0) return 'There are no profiles; `pik login` makes one.';
    const rows = listed.map((one) => [
      one.current ? '*' : '',
      one.name,
      printable(one.url),
      one.has_key ? 'a key' : '',
    ]);
    return tableText(['', 'profile', 'server', ''], rows);
  });
}

function used(name: string): Profiles {
  const before = readProfiles();
  if (profileNamed(before, name) === null)
    throw new KitError('CONFIG_INVALID', `there is no profile ${JSON.stringify(name)}`);
  const after = { ...before, current: name };
  writeProfiles(after);
  return after;
}

/** The key from a pipe, or typed at a prompt of the terminal, which does not show it. */
async function keyOfInput(): Promise<string> {
  const line = process.stdin.isTTY ? await hiddenLine('Key: ') : await firstLineOfInput();
  if (line.trim() === '')
    throw new KitError('CONFIG_INVALID', '--with-key reads the key from standard input, which is empty');
  return line.trim();
}

async function hiddenLine(prompt: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  // The interface takes Ctrl+C from the terminal.
  lines.once('SIGINT', () => {
    lines.close();
    process.kill(process.pid, 'SIGINT');
  });
  writeErr(prompt);
  try {
    return await lines.question('');
  } finally {
    lines.close();
    writeErr('\n');
  }
}

async function firstLineOfInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) {
    text += String(chunk);
    if (text.includes('\n') || text.length > INPUT_CHARS_MAX) break;
  }
  return text.split(/\r?\n/, 1)[0] ?? '';
}
