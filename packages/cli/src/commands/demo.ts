// The main use of the kit on real input: sends a week of earthquakes, twice, shows the first answers, and one day's
// value as known then and as known now. On a terminal the kit then stays up for its console; `--once` ends it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { type Quake, readQuakes } from '@pik/example-earthquakes/quakes';
import { createProducer } from '@pik/sdk';
import { createInvestigator, type Investigator } from '@pik/sdk/investigator';

import { duration, grouped, heading, printFacts, printTable, progressBar, toSecond } from './render.ts';
import { serveKit } from './server.ts';
import { showWhatChanged } from './what-changed.ts';

const { values } = parseArgs({
  options: { limit: { type: 'string', default: '1707' }, url: { type: 'string' }, once: { type: 'boolean' } },
});
const limit = Number(values.limit);
if (!Number.isInteger(limit) || limit < 1) {
  console.error('--limit must be a whole number from 1');
  process.exit(2);
}
const dataDir = mkdtempSync(join(tmpdir(), 'pik-demo-'));
const removeData = () => rmSync(dataDir, { recursive: true, force: true });
process.on('exit', removeData);
let onInterrupt: () => void = () => process.exit(130);
// One listener from the start to the end: without one for a moment, Ctrl+C would kill the process as it stands.
process.on('SIGINT', () => onInterrupt());
const staysUp = process.stdout.isTTY === true && values.once !== true && values.url === undefined;

const quakes = readQuakes(limit);
const config = fileURLToPath(import.meta.resolve('@pik/example-earthquakes/config'));
// A kit elsewhere must be empty and have the metric of examples/earthquakes.
const kit =
  values.url === undefined ? await serveKit({ dataDir, config }) : { url: values.url, stop: async () => undefined };
const connection = { url: kit.url, apiKey: process.env.PIK_API_KEY };
console.log(`The kit runs at ${kit.url}${values.url === undefined ? ', with its data in a temporary directory' : ''}.`);
try {
  heading(`1. ${grouped(quakes.length)} earthquakes go in, and then all of them a second time`);
  console.log('They are a backfill: the time of the last revision stands in for the time of the arrival.');
  const first = await sendAll('first pass ', quakes);
  const second = await sendAll('second pass', quakes);
  const outcomes = ['ACCEPTED', 'DUPLICATE', 'CONFLICT', 'REJECTED', 'UNDELIVERED'];
  printTable(
    ['outcome', 'first pass', 'second pass'],
    outcomes.map((name) => [name, first[name] ?? 0, second[name] ?? 0]),
  );
  const investigator = createInvestigator(connection);
  const worst = await showLag(investigator);
  await showOne(investigator, worst);
  await showVerification(investigator);
  await showWhatChanged(investigator);
  if (staysUp) await showConsole(kit.url);
} finally {
  await kit.stop();
}
console.log('\nNext: `npm start` serves the kit on http://127.0.0.1:4600, README.md has the first curl lines,');
console.log('examples/producer and examples/investigation are twenty lines each, and examples/earthquakes defines');
console.log('the count of a day that was shown here.');

/** Waits with the kit up until Ctrl+C, so that its console can be looked at. */
async function showConsole(url: string): Promise<void> {
  heading('The same in the console, in a browser');
  // A terminal sends Ctrl+C to every process, and npm sends it once more: the second changes nothing.
  const interrupted = new Promise<void>((resolve) => {
    onInterrupt = resolve;
  });
  console.log(`${url}/ui?from=all&imported=true`);
  console.log('The kit stays up; Ctrl+C ends it and removes its data.');
  await interrupted;
}

/** A backfill: the last revision serves as the receive time. */
async function sendAll(label: string, events: readonly Quake[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const bar = progressBar(label, events.length);
  const producer = createProducer({
    ...connection,
    backfill: true,
    onResult: ({ status }) => {
      counts[status] = (counts[status] ?? 0) + 1;
      bar.increment();
    },
  });
  for (const { id, properties } of events) {
    producer.emit('quake.reported', properties, {
      source: properties.net,
      entity_id: id,
      event_time: new Date(properties.time),
      received_at: new Date(properties.updated),
    });
  }
  await producer.close();
  bar.stop();
  return counts;
}

async function showLag(investigator: Investigator): Promise<string> {
  heading('2. Where is data delayed? By network, the largest share of all delay first');
  const report = await investigator.lag({ include_imported: true, by: ['source'] });
  const rows = report.groups.map(({ group, figures }) => [
    group.source ?? '',
    figures.count,
    duration(figures.p50_ms),
    duration(figures.p90_ms),
    duration(figures.max_ms),
    figures.late_count,
    `${(figures.delay_share * 100).toFixed(1)} %`,
  ]);
  printTable(
    ['network', 'quakes', 'p50', 'p90', 'max', `over ${duration(report.late_over_ms)}`, 'of all delay'],
    rows,
    {
      amounts: ['p50', 'p90', 'max', 'of all delay'],
    },
  );
  return report.worst[0]?.event_id ?? '';
}

async function showOne(investigator: Investigator, eventId: string): Promise<void> {
  heading('3. What happened to this one event? The latest of all');
  const { event, summary, deliveries, bytes } = await investigator.explainEvent(eventId);
  const { mag, place } = (JSON.parse(bytes?.body ?? '{}') as { payload: { mag: number; place: string } }).payload;
  console.log(summary);
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
  console.log(
    `${grouped(receipts)} receipts were read again from the log and compared with the index: ${faults} faults.`,
  );
  console.log('Two of them are reports: each producer says at its end how many events it numbered.');
}
