import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { pik, type ServedPik, sendEvents, serve, startPik, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

const record = (n: number) =>
  JSON.stringify({
    source: 'shop',
    event_type: 'order.placed',
    entity_id: 'user_1',
    event_time: `2025-12-28T10:00:0${n}Z`,
    received_at: '2025-12-28T12:00:00Z',
    poll: n,
    payload: { n },
  });

describe('commands against a server', () => {
  let server: ServedPik;
  const dir = temporaryDir();
  const file = join(dir, 'events.ndjson');
  const ask = (...args: string[]) => runPik(...args, '--url', server.url);
  beforeAll(async () => {
    server = await serve(join(dir, 'data'));
    writeFileSync(file, `${[1, 2, 3].map(record).join('\n')}\n`);
  });
  afterAll(async () => {
    server.child.kill('SIGTERM');
    expect(await server.ended).toBe(0);
  });

  it('import keeps receive times and takes a field as key; a second import finds only repeats', async () => {
    const first = await ask('import', file, '--key', 'poll', '--json');
    expect(JSON.parse(first.stdout).counts).toEqual({ ACCEPTED: 3 });
    expect(JSON.parse((await ask('import', file, '--key', 'poll', '--json')).stdout).counts).toEqual({ DUPLICATE: 3 });
    const events = (await ask('events', '--entity', 'user_1', '--json')).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.map(({ idempotency_key, lag_ms }) => [idempotency_key, Math.round(lag_ms / 3_600_000)])).toEqual([
      ['1', 2],
      ['2', 2],
      ['3', 2],
    ]);
    expect(events[0].body).toBe(`{"idempotency_key":"1",${record(1).slice(1)}`);
  });

  it('ingest sends the same records as new ones, from standard input too', async () => {
    const { code, stdout } = await ask('ingest', file, '--json');
    expect([code, JSON.parse(stdout)]).toEqual([0, expect.objectContaining({ emitted: 3, acked: 3, pending: 0 })]);
    const piped = startPik(['ingest', '-', '--json', '--url', server.url]);
    const line = record(4).replace('user_1', 'user_2').replace('placed', 'piped');
    piped.child.stdin?.write(`${line}\n${line}\n`);
    // Records are sent as they arrive, while more may follow.
    const seen = ['events', '--entity', 'user_2', '--json'];
    await vi.waitFor(async () => expect((await ask(...seen)).code).toBe(0), { timeout: 600_000 });
    piped.child.stdin?.end();
    expect([await piped.ended, JSON.parse(piped.stdout()).counts]).toEqual([0, { ACCEPTED: 1, DUPLICATE: 1 }]);
  });

  it('--key on standard input is checked against the first records, then record by record', async () => {
    const piped = async (lines: readonly string[]) => {
      const started = startPik(['import', '-', '--key', 'poll', '--json', '--url', server.url]);
      started.child.stdin?.end(lines.join('\n'));
      return { code: await started.ended, stdout: started.stdout(), stderr: started.stderr() };
    };
    const other = (n: number) => record(n).replace('placed', 'keyed');
    const keyless = other(5).replace('"poll":5,', '');
    const none = await piped([keyless, keyless]);
    expect([none.code, none.stdout, none.stderr]).toEqual([2, '', expect.stringMatching(/stdin:1: --key poll/)]);
    const some = await piped([other(1), keyless, other(2)]);
    expect([some.code, JSON.parse(some.stdout).counts]).toEqual([1, { ACCEPTED: 2, NOT_SENT: 1 }]);
    expect(some.stderr).toMatch(/--key poll: 1 of 3 records will not be sent; the first is stdin:2/);
  });

  it('a report page names the next page, and that page has the rest', async () => {
    const page = ['duplicates', '--include-imported', '--type', 'order.placed', '--worst', '2'];
    const first = (await ask(...page)).stdout;
    expect(first).toContain('a page of 1 group and 3 repeated events; next page: --cursor ');
    const [, cursor = ''] = / --cursor (\S+)/.exec(first) ?? [];
    const second = (await ask(...page, '--cursor', cursor)).stdout;
    expect(second).not.toContain('a page of');
    const ids = (text: string) => [...text.matchAll(/[0-9a-v]{47}/g)].map(([id]) => id);
    expect([ids(first).length, new Set([...ids(first), ...ids(second)]).size]).toEqual([2, 3]);
    const other = await ask('lag', '--cursor', cursor);
    expect([other.code, other.stderr]).toEqual([2, expect.stringContaining('CURSOR_INVALID')]);
  });

  it('lag counts imports only when asked', async () => {
    // The producer's loss report is an event too, of another type.
    const series = ['--source', 'shop', '--type', 'order.placed'];
    const without = JSON.parse((await ask('lag', '--json', ...series)).stdout);
    const withImports = JSON.parse((await ask('lag', '--json', '--include-imported', ...series)).stdout);
    expect(withImports.total.count - without.total.count).toBe(3);
  });

  it('explain describes the event, and exits with 1 if there is none', async () => {
    const { stdout, code } = await ask(
      'explain',
      '--source',
      'shop',
      '--type',
      'order.placed',
      '--entity',
      'user_1',
      '--key',
      '2',
    );
    expect(code).toBe(0);
    expect(stdout).toContain('Then came 1 repeat.');
    expect(
      (await ask('explain', '--source', 'shop', '--type', 'order.placed', '--entity', 'user_1', '--key', '9')).code,
    ).toBe(1);
  });

  it('verify agrees, and its digest stays the same while nothing changes', async () => {
    const digest = async () => /digest ([0-9a-f]{64})/.exec((await ask('verify', '--digest')).stdout)?.[1];
    expect((await ask('verify')).stdout).toContain('Log and index agree.');
    expect(await digest()).toBe(await digest());
  });

  it('prints only JSON with --json, and one clear line for an error', async () => {
    for (const args of [['lag'], ['duplicates'], ['rejects'], ['verify']])
      JSON.parse((await ask(...args, '--json')).stdout);
    const wrong = await ask('lag', '--from', 'tomorrow');
    expect([wrong.code, wrong.stdout, wrong.stderr.trimEnd().split('\n')]).toEqual([
      2,
      '',
      [expect.stringContaining('REQUEST_INVALID: --from cannot be read')],
    ]);
  });

  it('E7, E19: a second server on the directory is refused and names the first', async () => {
    const second = await pik(['serve', '--port', '0', '--data', join(dir, 'data')]);
    expect(second.code).toBe(3);
    expect(second.stderr).toMatch(/DATA_DIR_LOCKED.*process \d+/);
  });
});

describe('wrong use', () => {
  it('names the command for an option that other command lines have', async () => {
    const { code, stderr } = await runPik('events', '--entity', 'e', '--follow');
    expect([code, stderr]).toEqual([2, expect.stringMatching(/unknown option '--follow'\n.*`pik tail`/)]);
  });

  it('is reported in one line, with exit code 2', async () => {
    expect((await runPik('nonsense')).code).toBe(2);
    expect((await runPik('lag', '--nonsense')).code).toBe(2);
  });

  it('an unreachable server is reported with the way to start one', async () => {
    const { code, stderr } = await runPik('verify', '--url', 'http://127.0.0.1:9', '--json');
    expect([code, stderr]).toEqual([3, expect.stringMatching(/NETWORK.*pik serve/)]);
  });

  it('a server without keys binds only to loopback', async () => {
    const { code, stderr } = await pik(['serve', '--host', '0.0.0.0', '--data', temporaryDir()]);
    expect([code, stderr]).toEqual([2, expect.stringContaining('BIND_REFUSED')]);
  });
});

describe('pik.config.ts', () => {
  it('loads as TypeScript, and its keys open only their scopes', async () => {
    const dir = temporaryDir();
    const made = JSON.parse((await runPik('keygen', '--name', 'checkout', '--scopes', 'ingest', '--json')).stdout);
    expect(createHash('sha256').update(made.key).digest('hex')).toBe(made.key_sha256);
    const { key, ...entry } = made;
    const config = join(dir, 'pik.config.ts');
    // As under `/etc`: no packages are installed here.
    const lines = [
      "import { type ApiKeyConfig, defineConfig } from '@pik/cli';",
      `const keys: ApiKeyConfig[] = [${JSON.stringify(entry)}];`,
      'export default defineConfig({ apiKeys: keys });',
    ];
    writeFileSync(config, lines.join('\n'));
    const server = await serve(join(dir, 'data'), ['--config', config]);
    const denied = await pik(['lag', '--url', server.url], { PIK_API_KEY: key });
    expect(denied.stderr).toContain('FORBIDDEN');
    expect((await runPik('lag', '--url', server.url)).stderr).toContain('UNAUTHENTICATED');
    const taken = await fetch(`${server.url}/ingest`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: record(1),
    });
    expect(taken.status).toBe(200);
    server.child.kill('SIGTERM');
    await server.ended;
    expect(server.stderr()).not.toContain(key);
  });

  it('is refused with the name of an unknown field', async () => {
    const config = join(temporaryDir(), 'pik.config.ts');
    writeFileSync(config, 'export default { apiKey: [] };\n');
    expect((await runPik('serve', '--config', config)).stderr).toMatch(/CONFIG_INVALID: apiKey/);
    writeFileSync(config, "import 'not-there';\n");
    expect((await pik(['serve', '--config', config])).stderr).toMatch(/CONFIG_INVALID: .*'not-there'\n$/);
  });
});

describe('damage', () => {
  let whole = '';
  beforeAll(async () => {
    whole = await fill();
  });

  /** A copy of a directory with 2,000 receipts. */
  function filled(): string {
    const dir = temporaryDir();
    cpSync(whole, dir, { recursive: true });
    return dir;
  }

  async function fill(): Promise<string> {
    const dir = temporaryDir();
    const server = await serve(dir);
    for (let i = 0; i < 5; i++) {
      const events = Array.from({ length: 400 }, (_, n) => record(n % 10));
      expect((await sendEvents(server.url, events)).status).toBe(200);
    }
    server.child.kill('SIGTERM');
    await server.ended;
    return dir;
  }

  const packs = (dir: string) =>
    readdirSync(join(dir, 'raw'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.gz'))
      .map((file) => join(dir, 'raw', file));

  it('X3: verify names a corrupt pack', async () => {
    const dir = filled();
    const [pack = ''] = packs(dir);
    const bytes = readFileSync(pack);
    bytes[30] = (bytes[30] ?? 0) ^ 0xff;
    writeFileSync(pack, bytes);
    const server = await serve(dir);
    const { code, stdout } = await runPik('verify', '--json', '--url', server.url);
    expect(code).toBe(1);
    const { faults } = JSON.parse(stdout) as { faults: { code: string; pack_id: string }[] };
    expect(faults.map(({ code: name }) => name)).toEqual(expect.arrayContaining(['RAW_DIFFERS', 'RAW_CORRUPT']));
    expect(faults.every(({ pack_id }) => pack.includes(pack_id))).toBe(true);
    server.child.kill('SIGKILL');
    await server.ended;
  });

  it('E12: a torn index is refused with instructions; rebuild restores it with every recorded verdict', async () => {
    const dir = filled();
    truncateSync(join(dir, 'index.db'), Math.floor(statSync(join(dir, 'index.db')).size / 2));
    const refused = await pik(['serve', '--port', '0', '--data', dir]);
    expect([refused.code, refused.stderr]).toEqual([3, expect.stringMatching(/INDEX_CORRUPT.*pik rebuild/)]);
    const rebuilt = await runPik('rebuild', '--data', dir, '--json');
    expect([rebuilt.code, JSON.parse(rebuilt.stdout)]).toEqual([
      0,
      expect.objectContaining({ packs: 5, receipts: 2_000, differing: [], unrecorded: 0 }),
    ]);
    const server = await serve(dir);
    expect((await runPik('verify', '--url', server.url)).stdout).toContain('Log and index agree.');
    server.child.kill('SIGTERM');
    await server.ended;
  });

  it('E11, E12: an empty, a missing, a foreign and a newer index are each refused', async () => {
    const dir = filled();
    const index = join(dir, 'index.db');
    mkdirSync(join(dir, 'kept'));
    copyFileSync(index, join(dir, 'kept/index.db'));
    const refusal = async () => (await runPik('serve', '--port', '0', '--data', dir)).stderr;
    writeFileSync(index, '');
    expect(await refusal()).toContain('INDEX_CORRUPT');
    writeFileSync(index, 'SQLite format 3\0 but not really'.padEnd(8_192, 'x'));
    expect(await refusal()).toMatch(/INDEX_CORRUPT/);
    const bytes = readFileSync(join(dir, 'kept/index.db'));
    bytes.writeUInt32BE(99, 60);
    writeFileSync(index, bytes);
    expect(await refusal()).toContain('DATA_DIR_NEWER');
  });

  it('rebuild lists a verdict that comes out differently', async () => {
    const dir = filled();
    const [first = '', ...others] = packs(dir).sort();
    const { rmSync } = await import('node:fs');
    rmSync(first);
    const { code, stdout } = await runPik('rebuild', '--data', dir, '--json');
    const summary = JSON.parse(stdout);
    expect([code, summary.packs, summary.unreadable.length]).toEqual([1, others.length, 1]);
    expect(summary.differing[0]).toMatchObject({ answered: 'DUPLICATE', now: 'ACCEPTED' });
  });
});

describe('a full disk', () => {
  it('E1, E2: is a retryable error, acknowledges nothing, and passes when there is room again', async () => {
    const dir = temporaryDir();
    const { execFileSync, spawnSync } = await import('node:child_process');
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', dir]).status !== 0) {
      console.log('skipped: this machine does not let a test mount a small file system');
      return;
    }
    try {
      const server = await serve(join(dir, 'data'));
      const send = async (n: number) => {
        const body = JSON.stringify({
          ...JSON.parse(record(1)),
          payload: { n, fill: Array.from({ length: 20_000 }, () => Math.random().toString(36)[2]).join('') },
        });
        const response = await fetch(`${server.url}/ingest`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body,
        });
        return {
          status: response.status,
          json: (await response.json()) as { code?: string; retryable?: boolean; status?: string },
        };
      };
      const acknowledged: number[] = [];
      let full: Awaited<ReturnType<typeof send>> | null = null;
      for (let n = 0; n < 400 && full === null; n++) {
        const answer = await send(n);
        if (answer.status === 200) acknowledged.push(n);
        else full = answer;
      }
      expect(full).toMatchObject({
        status: 503,
        json: { retryable: true, code: expect.stringMatching(/STORAGE_FULL|UNAVAILABLE/) },
      });
      execFileSync('mount', ['-o', 'remount,size=32m', dir]);
      expect((await send(9_999)).json.status).toBe('ACCEPTED');
      for (const n of acknowledged.slice(0, 3)) expect((await send(n)).status).toBe(200);
      server.child.kill('SIGTERM');
      await server.ended;
    } finally {
      spawnSync('umount', [dir]);
    }
  });
});
