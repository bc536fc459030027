import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { grouped } from '@pik/render';
import { durationText, KitError } from '@pik/schema';
import { createProducer } from '@pik/sdk';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';

import { type Quake, readQuakes } from '../demo/quakes.ts';
import { heading, printFacts, printTable, say, toSecond } from '../demo/render.ts';
import { serveKit } from '../demo/server.ts';
import { showWhatChanged } from '../demo/what-changed.ts';
import { isTerminal } from '../output.ts';
import { createProgress } from '../terminal.ts';

/** Options of `pik demo`. */
export interface DemoOptions {
  /** An empty kit that serves the metric `earthquakes`. Default: one of the demo's own. */
  readonly url?: string | undefined;
  readonly apiKey?: string | undefined;
  readonly limit: string;
  /** True: end at once, also on a terminal. */
  readonly once?: boolean | undefined;
}

/**
 * The main use of the kit on real input: sends a week of earthquakes twice, shows the first answers, and one day's value as known
 * then and as known now. On a terminal the kit then stays up, so that its pages can be looked at.
 */
export async function demo(options: DemoOptions): Promise<void> {
  const limit = Number(options.limit);
  if (limit < 1) throw new KitError('REQUEST_INVALID', '--limit must be at least 1');
  const dataDir = mkdtempSync(join(tmpdir(), 'pik-demo-'));
  process.on('exit', () => rmSync(dataDir, { recursive: true, force: true }));
  const interrupts = listenToInterrupts();
  const quakes = readQuakes(limit);
  const kit = options.url === undefined ? await serveKit(dataDir) : { url: options.url, stop: () => Promise.resolve() };
  say(`The kit runs at ${kit.url}${options.url === undefined ? ', with its data in a temporary directory' : ''}.`);
  try {
    await showAll({ url: kit.url, apiKey: options.apiKey ?? (process.env.PIK_API_KEY || undefined) }, quakes);
    if (isTerminal() && options.once !== true && options.url === undefined) await showConsole(kit.url, interrupts);
  } finally {
    await kit.stop();
  }
  say('\nNext: `pik serve` serves a kit of your own on http://127.0.0.1:4600, `pik ingest FILE` sends it events, and');
  say('`pik --help` lists the questions. A metric such as the count of a day is defined in a pik.config.ts.');
}

interface Connection {
  readonly url: string;
  readonly apiKey: string | undefined;
}

async function showAll(connection: Connection, quakes: readonly Quake[]): Promise<void> {
  const investigator = createInvestigator(connection);
  const served = await investigator.getMetrics();
  if (!served.some(({ metric }) => metric === 'earthquakes'))
    throw new KitError('METRIC_UNKNOWN', `${connection.url} does not serve the metric earthquakes`);
  heading(`1. ${grouped(quakes.length)} earthquakes are sent, and then all of them again`);
  say('They are a backfill: the time of the last revision is used as the receive time.');
  const first = await sendAll(connection, { label: 'first pass', quakes });
  const second = await sendAll(connection, { label: 'second pass', quakes });
  const outcomes = ['ACCEPTED', 'DUPLICATE', 'CONFLICT', 'REJECTED', 'UNDELIVERED'];
  printTable(
    ['outcome', 'first pass', 'second pass'],
    outcomes.map((name) => [name, first.get(name) ?? 0, second.get(name) ?? 0]),
  );
  const worst = await showLag(investigator);
  await showOne(investigator, worst);
  await showVerification(investigator);
  await showWhatChanged(investigator);
}

/** The present effect of Ctrl+C. */
interface Interrupts {
  act: () => void;
}

/** One listener from the start to the end: without one for a moment, Ctrl+C would kill the process as it stands. */
function listenToInterrupts(): Interrupts {
  const interrupts: Interrupts = { act: () => process.exit(130) };
  process.on('SIGINT', () => interrupts.act());
  return interrupts;
}

/** Waits with the kit up until Ctrl+C, so that its console can be looked at. */
async function showConsole(url: string, interrupts: Interrupts): Promise<void> {
  heading('The same in the console, in a browser');
  // A terminal sends Ctrl+C to every process, and npm sends it once more: the second changes nothing.
  const interrupted = new Promise<void>((resolve) => {
    interrupts.act = resolve;
  });
  say(`${url}/ui?from=all&imported=true`);
  say('The kit runs until Ctrl+C, which also removes its data.');
  await interrupted;
}

/** A backfill: the last revision serves as the receive time. Returns how many events had each outcome. */
async function sendAll(
  connection: Connection,
  { label, quakes }: { label: string; quakes: readonly Quake[] },
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const progress = createProgress(label, quakes.length);
  const producer = createProducer({
    ...connection,
    backfill: true,
    onResult: ({ status }) => {
      counts.set(status, (counts.get(status) ?? 0) + 1);
      progress.add(1);
    },
  });
  for (const { id, properties } of quakes) {
    producer.emit('quake.reported', properties, {
      source: properties.net,
      entity_id: id,
      event_time: new Date(properties.time),
      received_at: new Date(properties.updated),
    });
  }
  await producer.close();
  progress.stop();
  return counts;
}

async function showLag(investigator: Investigator): Promise<string> {
  heading('2. Where is data delayed? By network, the largest share of all delay first');
  const report = await investigator.lag({ include_imported: true, by: ['source'] });
  const rows = report.groups.map(({ group, figures }) => [
    group.source ?? '',
    figures.count,
    durationText(figures.p50_ms),
    durationText(figures.p90_ms),
    durationText(figures.max_ms),
    figures.late_count,
    `${(figures.delay_share * 100).toFixed(1)} %`,
  ]);
  const late = `over ${durationText(report.late_over_ms)}`;
  printTable(['network', 'quakes', 'p50', 'p90', 'max', late, 'of all delay'], rows);
  return report.worst[0]?.event_id ?? '';
}

async function showOne(investigator: Investigator, eventId: string): Promise<void> {
  heading('3. What happened to this one event? The latest of all');
  const { event, summary, deliveries, bytes } = await investigator.explainEvent(eventId);
  const { mag, place } = (JSON.parse(bytes?.body ?? '{}') as { payload: { mag: number; place: string } }).payload;
  say(summary);
  printFacts([
    ['quake', `magnitude ${mag}, ${place}`],
    ['happened', toSecond(event?.event_time ?? '')],
    ['received', toSecond(event?.received_at ?? '')],
    ['further receipts', `${deliveries.length} (${deliveries.map(({ outcome }) => outcome).join(', ')})`],
    ['bytes read again', `${bytes?.state}, pack ${event?.pack_id}, line ${event?.line}`],
  ]);
}

async function showVerification(investigator: Investigator): Promise<void> {
  heading('4. Do log and index agree?');
  let receipts = 0;
  let faults = 0;
  for await (const page of investigator.readVerification()) {
    receipts += page.receipts;
    faults += page.faults.length;
  }
  say(`${grouped(receipts)} receipts were read again from the log and compared with the index: ${faults} faults.`);
  say('Two of them are reports: when it closes, each producer reports how many events it numbered.');
}
