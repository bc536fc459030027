import { mkdtempSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { serve } from '@hono/node-server';
import type { Aggregate } from '@pik/aggregates';
import { createApp, createPipeline, silentTelemetry, startWorker } from '@pik/engine';
import type { Envelope } from '@pik/schema';
import { createMemoryBackend, type MemoryBackend } from '@pik/testkit';

/** A kit served over a socket from this process. */
export interface Kit {
  readonly url: string;
  readonly backend: MemoryBackend;
  /** Intercepts each request before the kit; a returned response replaces the kit's answer. */
  intercept: (request: Request) => Response | Promise<Response | null> | null;
  close(): Promise<void>;
}

const emptyAudit = {
  append: async () => {},
  list: async () => ({ items: [], next: null }),
  removeBefore: async () => 0,
  close: async () => {},
};

/** Serves a kit in memory. */
export async function openKit({
  aggregates = [],
  now = () => Date.now(),
}: {
  aggregates?: readonly Aggregate[];
  now?: () => number;
} = {}): Promise<Kit> {
  const backend = Object.assign(createMemoryBackend({ now }), { audit: emptyAudit });
  const pipeline = createPipeline({ backend, aggregates });
  const app = createApp({ pipeline, telemetry: silentTelemetry, now });
  const fetch = async (request: Request) => (await kit.intercept(request)) ?? app.fetch(request);
  const server = await new Promise<Server>((done) => {
    const listening = serve({ fetch, port: 0, hostname: '127.0.0.1' }, () => done(listening as Server)) as Server;
  });
  const worker = startWorker(pipeline, { telemetry: silentTelemetry, retryDelayMs: 0, idleMs: 5 });
  const address = server.address() as { port: number };
  const kit: Kit = {
    url: `http://127.0.0.1:${address.port}`,
    backend,
    intercept: () => null,
    async close() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
      await worker.stop();
      await pipeline.close();
    },
  };
  return kit;
}

const dir = mkdtempSync(join(tmpdir(), 'pik-files-'));
let files = 0;

/** Writes a new file and returns its path. */
export function fileOf(content: string | Uint8Array, name = 'events.ndjson'): string {
  files += 1;
  const path = join(dir, `${files}-${name}`);
  writeFileSync(path, content);
  return path;
}

/** A valid record with these fields added or replaced. */
export function eventText(fields: object = {}): string {
  return JSON.stringify({
    source: 'depot',
    event_type: 'parcel.scanned',
    entity_id: 'parcel-1',
    event_time: '2026-02-01T08:00:00Z',
    received_at: '2026-02-01T08:00:30Z',
    payload: { belt: 4 },
    ...fields,
  });
}

/** The receipts in the raw log, in the order of arrival. */
export function receiptsOf({ packs }: MemoryBackend) {
  return [...packs.keys()].sort().flatMap((packId) =>
    gunzipSync(packs.get(packId) as Uint8Array)
      .toString('utf8')
      .trimEnd()
      .split('\n')
      .map((line) => {
        const { body, body_base64, event_id, reject_code, imported, reingest_of } = JSON.parse(line) as Envelope;
        const bytes = body === undefined ? Buffer.from(body_base64 ?? '', 'base64') : Buffer.from(body);
        return { body: bytes.toString('latin1'), event_id, reject_code, imported, reingest_of };
      }),
  );
}
