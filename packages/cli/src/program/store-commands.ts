import type { Command } from 'commander';

import { deliver } from '../commands/deliver.ts';
import { exportParquet } from '../commands/export-parquet.ts';
import { reconcile } from '../commands/reconcile.ts';
import { withRange } from '../times.ts';
import { client, type Done } from './client.ts';
import { wholeNumber } from './whole-number.ts';

const RANGE = { from: 'first receive time', to: 'end of the range of receive times (exclusive)' };

/** Adds the commands about other stores: a copy in a file, and a comparison. */
export function addStores(program: Command, done: Done): void {
  withRange(client(program, 'export', 'write the receipts of a range to a file that other tools read'), RANGE)
    .argument('<file>', 'new file; it appears once it is complete')
    .requiredOption('--parquet', 'as Parquet')
    .option('--where <expression>', 'only receipts that match')
    .action((file, options) => exportParquet(file, options));
  withRange(
    client(
      program,
      'reconcile',
      'compare the ids of another store with the receipts of a range, each difference with its cause',
    ),
    RANGE,
  )
    .argument('[file]', 'ids of the other store: one per line, NDJSON or CSV; - for standard input')
    .option('--postgres <url>', 'read them from a PostgreSQL server, with --query')
    .option('--query <sql>', 'columns: the id, and optionally the value to compare')
    .option('--their-id <name>', 'where the id is in the file: a JSON pointer for NDJSON, a column of CSV')
    .option('--their-value <name>', 'where the value to compare is in the file')
    .option('--id <pointer>', 'where a received record has the id', '/idempotency_key')
    .option('--value <pointer>', 'where a received record has the value to compare, such as /payload/total')
    .option('--where <expression>', 'only receipts that match')
    .option('--grace <minutes>', 'younger receipts may be missing there', wholeNumber, '10')
    .option('--limit <n>', 'differences to show', wholeNumber, '40')
    .action(async (file, options) => done(await reconcile(file, options)));
  addDeliver(program, done);
}

function addDeliver(program: Command, done: Done): void {
  withRange(client(program, 'deliver', 'send past events to another system, each with its id as the key'), {
    from: 'first event time',
    to: 'end of the range of event times (exclusive)',
  })
    .argument('<target>', 'HTTP URL, file:PATH, sqs:QUEUE-URL, or module:FILE whose default export is a target')
    .option('--source <source>', 'only this source')
    .option('--type <type>', 'only this event type')
    .option('--entity <id>', 'events of this entity')
    .option('--map <file>', 'module whose default export returns what to send for an event, or null to leave it out')
    .option('--secret-env <name>', 'variable with the secret that signs requests, in base64')
    .option('--rate <n>', 'events per second', '50')
    .option('--speed <factor>', 'keep the intervals between events: 1 as they were, 10 ten times faster')
    .option('--parallel <n>', 'requests at the same time; events of one entity are sent one after another', '4')
    .option('--attempts <n>', 'attempts per event', '5')
    .option('--journal <dir>', 'folder for the record of the delivery and the outcome of each event')
    .option('--resume', 'continue the delivery of the journal')
    .option('--dry-run', 'show the target, how many events, and the first three; send nothing')
    .action(async (target, options) => done(await deliver(target, options)));
}
