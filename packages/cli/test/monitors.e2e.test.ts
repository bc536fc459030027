import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { isInstalled } from '@pik/testkit/fixtures/servers/server';
import { startAlertmanager } from '@pik/testkit/fixtures/servers/servers';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { type Pik, serve, temporaryDir } from './served.ts';
import { runPik } from './support/run-pik.ts';

const SECRET = `whsec_${Buffer.from('thirty-two bytes, more or less ..').toString('base64')}`;
const ENV = { HOOK_SECRET: SECRET };

interface Message {
  readonly id: string;
  readonly state: string;
  readonly monitor: string;
  readonly sentence: string;
  readonly command: string;
  readonly link: string;
}

/** A receiver of webhooks that answers with a status, and keeps what it got. */
class Receiver {
  status = 204;
  readonly messages: Message[] = [];
  readonly server: Server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    this.keep(Buffer.concat(parts).toString(), request.headers);
    response.writeHead(this.status).end();
  });

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/alerts`;
  }

  keep(body: string, headers: IncomingHttpHeaders): void {
    const { data } = new Webhook(SECRET).verify(body, headers as Record<string, string>) as { data: Message };
    this.messages.push({ ...data, id: String(headers['webhook-id']) });
  }

  /** Waits for a message of a monitor in a state. */
  message(monitor: string, state: string): Promise<Message> {
    return until(() => this.messages.find((one) => one.monitor === monitor && one.state === state));
  }
}

/** Waits for a value that is not undefined. */
async function until<T>(read: () => T | undefined | Promise<T | undefined>): Promise<T> {
  return vi.waitUntil(async () => (await read()) ?? false, { timeout: 600_000, interval: 100 }) as Promise<T>;
}

const send = async (url: string, body: object) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/ingest`, { method: 'POST', headers, body: JSON.stringify(body) });
  await answer.arrayBuffer();
};

const order = (n: number) => ({
  source: 'shop',
  event_type: 'order',
  entity_id: `o-${n}`,
  event_time: new Date().toISOString(),
  payload: { n },
});

describe('monitors of a server', () => {
  const dir = temporaryDir();
  const config = join(dir, 'pik.config.ts');
  const receiver = new Receiver();
  let server: (Pik & { url: string }) | null = null;
  const start = async () => {
    server = await serve(join(dir, 'data'), ['--config', config], ENV);
    return server.url;
  };

  beforeAll(async () => {
    receiver.server.listen(0, '127.0.0.1');
    await once(receiver.server, 'listening');
    const base = { every_ms: 1_000, resolve_after_ms: 0 };
    const monitors = [
      { ...base, name: 'failing', kind: 'failures', severity: 'critical', within_ms: 600_000 },
      { ...base, name: 'quiet', kind: 'silence', source: 'shop', after_ms: 1_000 },
    ];
    const sinks = { ops: { kind: 'webhook', url: receiver.url, secret_env: 'HOOK_SECRET' } };
    writeFileSync(config, `export default ${JSON.stringify({ monitors, sinks, publicUrl: 'https://kit.example' })};\n`);
  });
  afterAll(async () => {
    server?.child.kill('SIGTERM');
    await server?.ended;
    receiver.server.closeAllConnections();
    receiver.server.close();
  });

  it('a silent pipeline rings, and an event ends that', async () => {
    const url = await start();
    expect(await receiver.message('quiet', 'FIRING')).toMatchObject({
      sentence: 'shop: no new event was received in the last 1 s.',
      link: expect.stringMatching(/^https:\/\/kit\.example\/ui\/gaps\?source=shop&.*as_of=/),
      command: expect.stringMatching(/^pik lag --source shop --from \S+ --as-of \S+ --basis received$/),
    });
    let n = 0;
    await until(async () => {
      await send(url, order(n++));
      return receiver.messages.find(({ monitor, state }) => monitor === 'quiet' && state === 'RESOLVED');
    });
  });

  it('a message that a killed server may not have sent is sent again by the next one, as the same message', async () => {
    const url = server?.url ?? '';
    receiver.status = 503;
    await send(url, { source: 'shop', event_type: 'order' });
    const first = await receiver.message('failing', 'FIRING');
    server?.child.kill('SIGKILL');
    await server?.ended;
    const before = receiver.messages.length;
    receiver.status = 204;
    await start();
    const again = await until(() => receiver.messages.slice(before).find(({ monitor }) => monitor === 'failing'));
    expect(again).toEqual(first);
    await until(async () =>
      (await runPik('monitors', '--url', server?.url ?? '')).stdout.includes('attempt') ? undefined : true,
    );
    expect(receiver.messages.slice(before).filter(({ monitor }) => monitor === 'failing')).toHaveLength(1);
  });

  it('are listed, muted and unmuted by commands, and their exit statuses say whether something fires', async () => {
    const at = ['--url', server?.url ?? ''];
    const listed = await runPik('monitors', ...at);
    expect([listed.code, listed.stderr]).toEqual([1, '']);
    expect(listed.stdout).toContain('shop order: 1 failure among');
    expect(listed.stdout).toContain('pik failures --source shop --type order');
    const muted = await runPik('monitors', 'mute', 'failing', '--for', '2h', '--reason', 'a release', ...at);
    expect([muted.code, muted.stdout]).toEqual([0, expect.stringMatching(/^failing is muted until .*Z/)]);
    const answer = JSON.parse((await runPik('monitors', '--json', ...at)).stdout);
    expect(answer.monitors[0]).toMatchObject({
      name: 'failing',
      state: 'FIRING',
      muted: { reason: 'a release', by: null },
    });
    expect((await runPik('monitors', 'unmute', 'failing', ...at)).stdout).toBe(
      'failing is not muted; 1 incident fires.\n',
    );
  });

  it('can be checked once, from the config or by thresholds', async () => {
    const at = ['--url', server?.url ?? ''];
    const checked = await runPik('check', '--config', config, '--monitor', 'failing', ...at);
    expect([checked.code, checked.stdout]).toEqual([
      1,
      expect.stringMatching(/^WRONG {3}failing: .*\n +shop order: 1 failure/),
    ]);
    const fine = await runPik('check', '--max-failures', '9', '--max-lag', '1h', '--json', ...at);
    expect([
      fine.code,
      JSON.parse(fine.stdout).map(({ name, state }: Message & { name: string }) => [name, state]),
    ]).toEqual([
      0,
      [
        ['lag', 'OK'],
        ['failures', 'OK'],
      ],
    ]);
    expect((await runPik('check', '--config', config, '--monitor', 'nobody', ...at)).code).toBe(2);
    expect((await runPik('check', '--gaps', '--url', 'http://127.0.0.1:1')).code).toBe(3);
  });
});

describe.skipIf(!isInstalled('prometheus-alertmanager'))("Debian's Alertmanager", () => {
  it('shows an incident while it fires, and no longer', async () => {
    const manager = await startAlertmanager();
    const dir = temporaryDir();
    const config = join(dir, 'pik.config.ts');
    const monitors = [
      { name: 'quiet', kind: 'silence', source: 'shop', after_ms: 2_000, every_ms: 1_000, resolve_after_ms: 0 },
    ];
    writeFileSync(
      config,
      `export default ${JSON.stringify({ monitors, sinks: { am: { kind: 'alertmanager', url: manager.url } } })};\n`,
    );
    const server = await serve(join(dir, 'data'), ['--config', config]);
    try {
      const alerts = async () =>
        (await (await fetch(`${manager.url}/api/v2/alerts`)).json()) as { labels: object; annotations: object }[];
      const [alert] = await until(async () => {
        const found = await alerts();
        return found.length > 0 ? found : undefined;
      });
      expect(alert).toMatchObject({
        labels: {
          alertname: 'quiet',
          kind: 'silence',
          severity: 'warning',
          source: 'shop',
          incident: expect.any(String),
        },
        annotations: {
          summary: expect.stringContaining('shop: no new event'),
          command: expect.stringMatching(/^pik lag/),
        },
      });
      let n = 0;
      await until(async () => {
        await send(server.url, order(n++));
        return (await alerts()).length === 0 ? true : undefined;
      });
    } finally {
      server.child.kill('SIGTERM');
      await server.ended;
      await manager.stop();
    }
  });
});
