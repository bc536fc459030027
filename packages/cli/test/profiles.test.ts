import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';

import { choose, DEFAULT_URL } from '../src/profiles/choose.ts';
import { writeProfiles } from '../src/profiles/profiles.ts';
import { temporaryDir } from './served.ts';
import { type Kit, openKit } from './support/kit.ts';
import { runPik } from './support/run-pik.ts';

const KEY = 'pik_kept-in-the-profile-0123456789';
const dir = temporaryDir();
let folder = '';
let folders = 0;
let kit: Kit;
/** The keys of the requests that the kit has received. */
let keys: (string | null)[] = [];

beforeAll(async () => {
  kit = await openKit();
});
afterAll(() => kit.close());
beforeEach(() => {
  folders += 1;
  folder = join(dir, `profiles-${folders}`);
  vi.stubEnv('PIK_CONFIG_DIR', folder);
  for (const name of ['PIK_URL', 'PIK_API_KEY', 'PIK_PROFILE']) vi.stubEnv(name, '');
  keys = [];
  kit.intercept = (request) => {
    keys.push(request.headers.get('authorization'));
    return null;
  };
});
afterEach(() => vi.unstubAllEnvs());

const file = () => join(folder, 'profiles.json');
const login = (...args: readonly string[]) => runPik('login', '--url', kit.url, ...args);

describe('pik login', () => {
  it('stores server and key for this user alone, and commands use them', async () => {
    const { code, stdout, stderr } = await login('--api-key', KEY);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).not.toContain(KEY);
    expect([statSync(file()).mode & 0o777, statSync(folder).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(readdirSync(folder)).toEqual(['profiles.json']);
    keys = [];
    expect((await runPik('lag')).code).toBe(0);
    expect(keys).toEqual([`Bearer ${KEY}`]);
  });

  it('stores nothing if the server does not accept the key', async () => {
    kit.intercept = () => Response.json({ code: 'AUTH_INVALID' }, { status: 401 });
    const { code, stdout } = await login('--api-key', KEY);
    expect([code, stdout]).toEqual([1, expect.stringContaining('does not accept the key')]);
    expect(() => readFileSync(file())).toThrow('ENOENT');
    expect((await login('--api-key', KEY, '--no-check')).code).toBe(0);
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({
      current: 'default',
      profiles: { default: { url: kit.url, api_key: KEY } },
    });
  });

  it('keeps the mode of a file that was open to others, and pik doctor warns of one', async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file(), JSON.stringify({ current: 'old', profiles: { old: { url: kit.url } } }), { mode: 0o644 });
    expect((await runPik('doctor', '--data', '/nowhere')).stdout).toMatch(/profiles +warning .*other users may read/);
    await login('--profile', 'new');
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect((await runPik('doctor', '--data', '/nowhere')).stdout).toMatch(/profiles +ok +2 profiles/);
  });
});

describe('pik profiles and pik logout', () => {
  it('list, choose and remove profiles, and show no key', async () => {
    await login('--profile', 'one', '--api-key', KEY);
    await login('--profile', 'two');
    const listed = JSON.parse((await runPik('profiles', '--json')).stdout);
    expect(listed).toEqual([
      { name: 'one', current: false, url: kit.url, has_key: true },
      { name: 'two', current: true, url: kit.url, has_key: false },
    ]);
    expect((await runPik('profiles', '--use', 'one')).stdout).toMatch(/\* +one/);
    expect((await runPik('logout')).stdout).toContain('profile one is removed');
    expect(readFileSync(file(), 'utf8')).not.toContain(KEY);
    expect((await runPik('profiles')).stdout).toMatch(/\* +two/);
    await runPik('logout', '--profile', 'two');
    expect((await runPik('profiles')).stdout).toBe('There are no profiles; `pik login` makes one.\n');
  });

  it('a file that is not one of profiles is reported, and never replaced', async () => {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file(), '{"current":1}');
    for (const args of [['lag'], ['profiles'], ['login', '--no-check']]) {
      const { code, stderr } = await runPik(...args);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/^pik: CONFIG_INVALID: .* is not a file of profiles/)]);
    }
    expect(readFileSync(file(), 'utf8')).toBe('{"current":1}');
  });
});

describe('the choice of server and key', () => {
  const profiles = {
    one: { url: 'http://one.test', api_key: 'key-one' },
    two: { url: 'http://two.test/', api_key: 'key-two' },
  };
  const chosen = (options: object, env: Record<string, string> = {}) => {
    const { url, apiKey } = choose(options, env);
    return [url, apiKey];
  };
  beforeEach(() => writeProfiles({ current: 'one', profiles }));

  it.each([
    ['the current profile', {}, {}, ['http://one.test', 'key-one']],
    ['PIK_PROFILE', {}, { PIK_PROFILE: 'two' }, ['http://two.test/', 'key-two']],
    [
      '--profile',
      { profile: 'two' },
      { PIK_URL: 'http://env.test', PIK_API_KEY: 'e' },
      ['http://two.test/', 'key-two'],
    ],
    ['the environment', {}, { PIK_URL: 'http://env.test', PIK_API_KEY: 'e' }, ['http://env.test', 'e']],
    ['an option', { url: 'http://o.test', apiKey: 'o' }, { PIK_URL: 'http://env.test' }, ['http://o.test', 'o']],
    ['empty variables', {}, { PIK_URL: '', PIK_API_KEY: '', PIK_PROFILE: '' }, ['http://one.test', 'key-one']],
    ['the key alone', { apiKey: 'o' }, {}, ['http://one.test', 'o']],
    ['the same server', { url: 'http://one.test/' }, {}, ['http://one.test/', 'key-one']],
  ])('is that of %s', (_, options, env, expected) => {
    expect(chosen(options, env)).toEqual(expected);
  });

  it('sends the key of a profile to no other server', () => {
    expect(chosen({ url: 'http://other.test' })).toEqual(['http://other.test', undefined]);
    expect(chosen({ url: 'http://other.test', profile: 'two' })).toEqual(['http://other.test', undefined]);
    expect(chosen({}, { PIK_URL: 'http://other.test' })).toEqual(['http://other.test', undefined]);
  });

  it('names the profiles that there are, and needs none', () => {
    expect(() => chosen({ profile: 'three' })).toThrow('there are one, two');
    expect(() => chosen({ profile: '__proto__' })).toThrow('there is no profile');
    writeProfiles({ current: 'gone', profiles: {} });
    expect(chosen({})).toEqual([DEFAULT_URL, undefined]);
  });
});
