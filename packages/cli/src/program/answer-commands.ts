import { explainChangeQuestion, QUESTIONS, SEARCH_FIELDS } from '@pik/schema';
import type { Command } from 'commander';

import { AUDIT_FIELDS, audit } from '../commands/audit.ts';
import { EVENTS_FIELDS, events } from '../commands/events.ts';
import { explain } from '../commands/explain.ts';
import { explainChange } from '../commands/explain-change.ts';
import { find } from '../commands/find.ts';
import { withFlags } from '../commands/question.ts';
import { REJECTS_FIELDS, rejects } from '../commands/rejects.ts';
import { sql } from '../commands/sql.ts';
import { TAIL_FIELDS, tail } from '../commands/tail.ts';
import { verifyCase } from '../commands/verify-case.ts';
import { withRange, withZone } from '../times.ts';
import { watching, withWatch } from '../watch.ts';
import { client, type Done } from './client.ts';
import { wholeNumber } from './whole-number.ts';

/** Adds the questions about events and receipts. */
export function addAnswers(program: Command, done: Done): void {
  withFlags(client(program, 'events', 'the events of an entity, in order of event time'), {
    fields: EVENTS_FIELDS,
    draws: false,
  }).action(async (options) => done(await events(options)));
  const explaining = withZone(
    client(program, 'explain', 'what happened to one event; `explain change`: why a value changed'),
  )
    .argument('[event-id]')
    .option('--source <source>', 'source of the event')
    .option('--type <type>', 'type of the event')
    .option('--entity <id>', 'entity of the event')
    .option('--key <key>', 'idempotency key, with --source, --type and --entity')
    .option('--time <time>', 'event time, with --entity')
    .option('--as-of <time>', 'as known at this receive time')
    .option(...HTML)
    .action(async (eventId, options) => done(await explain(eventId, options)));
  withFlags(client(explaining, 'change', 'why a value changed: between versions, receive times, or until now'), {
    fields: explainChangeQuestion.fields,
    draws: true,
  }).action((options) => explainChange(options));
  withFlags(client(program, 'find', 'receipts that match an expression, rejected ones too, the last stored first'), {
    fields: QUESTIONS.find.fields,
    draws: false,
  })
    .argument('[expression...]', 'such as payload.order_id=4711; several must all match')
    .addHelpText('after', FIND_HELP)
    .action(async (expressions, options) => done(await find(expressions, options)));
  withFlags(client(program, 'tail', 'receipts that match an expression, as they arrive; ctrl-c stops it'), {
    fields: TAIL_FIELDS,
    draws: false,
  })
    .argument('[expression...]', 'such as outcome=REJECTED; several must all match')
    .addHelpText('after', FIND_HELP)
    .action((expressions, options) => tail(expressions, options));
  withRange(client(program, 'sql', 'one SQL statement over the receipts of a range; needs @duckdb/node-api'), {
    from: 'first receive time',
    to: 'end of the range of receive times (exclusive)',
  })
    .argument('<statement>', 'reads the views receipts, events, repeats and rejects')
    .option('--where <expression>', 'load only receipts that match')
    .option('--as-of <time>', 'as known at this receive time')
    .option('--receipts <n>', 'receipts to load: the last stored ones', wholeNumber, '1000000')
    .action(async (statement, options) => done(await sql(statement, options)));
  withWatch(
    withFlags(client(program, 'rejects', 'rejected receipts, conflicts and failed processing, the latest first'), {
      fields: REJECTS_FIELDS,
      draws: false,
    }),
  )
    .option('--limit <n>', 'how many', wholeNumber, '50')
    .action(async (options) => done(await watching(options, () => rejects(options))));
  withFlags(client(program, 'audit', 'who asked or did what, and when; the latest first'), {
    fields: AUDIT_FIELDS,
    draws: false,
  })
    .option('--limit <n>', 'how many', wholeNumber, '50')
    .action((options) => audit(options));
  client(program, 'verify-case', 'ask the questions of an exported case again, and compare the answers')
    .argument('<file>', 'the exported file')
    .action(async (file, options) => done(await verifyCase(file, options)));
}

const FIND_HELP = `
Expressions: payload.order_id=4711   source == "shop" and not (outcome in [DUPLICATE, REJECTED])
             payload.items[*].sku.startsWith("A-")   has(payload.refund)   trace_id=4bf92f…   body.contains("4711")
Fields: ${SEARCH_FIELDS.join(', ')}.`;

const HTML = ['--html <file>', 'write the answer with its charts to this self-contained file'] as const;
