import tab from '@bomb.sh/tab/commander';
import { printable, VIEWS } from '@pik/render';
import {
  computeQuestion,
  explainChangeQuestion,
  KitError,
  QUESTION_NAMES,
  QUESTIONS,
  SEARCH_FIELDS,
} from '@pik/schema';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import own from '../package.json' with { type: 'json' };
import { compute } from './commands/compute.ts';
import { deadLetters } from './commands/dead-letters.ts';
import { doctor } from './commands/doctor.ts';
import { EVENTS_FIELDS, events } from './commands/events.ts';
import { explain } from './commands/explain.ts';
import { explainChange } from './commands/explain-change.ts';
import { find } from './commands/find.ts';
import { HISTORY_FIELDS, history } from './commands/history.ts';
import { importFile } from './commands/import.ts';
import { ingest } from './commands/ingest.ts';
import { keygen } from './commands/keygen.ts';
import { outboxDrain, outboxList } from './commands/outbox.ts';
import { askQuestion, withFlags } from './commands/question.ts';
import { reingest } from './commands/reingest.ts';
import { REJECTS_FIELDS, rejects } from './commands/rejects.ts';
import { replay } from './commands/replay.ts';
import { replays } from './commands/replays.ts';
import { schema } from './commands/schema.ts';
import { sql } from './commands/sql.ts';
import { status } from './commands/status.ts';
import { TAIL_FIELDS, tail } from './commands/tail.ts';
import { verify } from './commands/verify.ts';
import { verifyCase } from './commands/verify-case.ts';
import { isErrno } from './errno.ts';
import { EXIT, exitOf } from './exit-status.ts';
import { foreignErrorText } from './foreign-error.ts';
import { guardOutput, keepWorking, writeErr, writeOut } from './output.ts';
import { withoutSecrets } from './secrets.ts';
import { DEFAULT_URL } from './session.ts';
import { addTaps } from './tap-commands.ts';
import { inFlags, withRange, withZone } from './times.ts';

/** Runs the command in `args` and returns its exit status, one of `EXIT`. */
export async function run(args: readonly string[]): Promise<number> {
  guardOutput();
  let code: number = EXIT.yes;
  const program = createProgram((ok) => {
    code = ok === false ? EXIT.no : EXIT.yes;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError))
      writeErr(`pik: ${printable(withoutSecrets(errorText(error, args)))}
`);
    return exitOf(error);
  }
}

/** One line that states the problem and, if there is one, the way out. */
function errorText(error: unknown, args: readonly string[]): string {
  // SQLite is built into Node; commands that only talk to a server do not need it.
  if (isErrno(error, 'ERR_UNKNOWN_BUILTIN_MODULE'))
    return `this command needs Node 22.18 or newer; this is ${process.version}`;
  if (!KitError.is(error)) return foreignErrorText(error);
  const hint = HINTS[error.code];
  const text = `${error.code}: ${error.message}${hint === undefined ? '' : ` (${hint})`}`;
  // Messages of other codes name fields of records, not flags.
  return error.code === 'REQUEST_INVALID' ? inFlags(text, args) : text;
}

const HINTS: Readonly<Record<string, string>> = {
  NETWORK: 'is the server running? `pik serve` starts one; --url selects another',
  NOT_PROCESSED: 'does the server run with its worker? `pik dead-letters` lists what failed',
};

type Done = (ok: boolean | undefined) => void;

const TAPS = ['postgres', 'redis', 'nats', 'rabbitmq', 'sqs'];
const WORKING = new Set([
  'demo',
  'serve',
  'rebuild',
  'compact',
  'ingest',
  'import',
  'reingest',
  'replay',
  'drain',
  ...TAPS,
]);

function changesSomething(command: Command): boolean {
  return WORKING.has(command.name()) || command.opts<{ redrive?: unknown }>().redrive !== undefined;
}

/** Checks that an option is a whole number; returns it as text. */
function wholeNumber(value: string): string {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It must be a whole number of at most nine digits.');
  return value;
}

/** All commands; each passes its result to `done`. */
export function createProgram(done: Done): Command {
  const program = new Command('pik')
    .description('A black box for event pipelines: keep every event, investigate it later.')
    .version(`pik ${own.version} on Node ${process.versions.node}`, '--version', 'show the versions of pik and Node')
    .helpOption('-h, --help', 'show help')
    .showHelpAfterError('(--help shows how)')
    // Otherwise `explain` would parse the options of `explain change` as its own.
    .enablePositionalOptions()
    .configureOutput({ writeOut, writeErr, outputError: (text, write) => write(withoutSecrets(text)) })
    .hook('preAction', (_, command) => {
      if (changesSomething(command)) keepWorking();
    })
    .exitOverride();
  addDemo(program);
  addServer(program, done);
  addDoctor(program, done);
  addSending(program, done);
  addTaps(program, { client, done });
  addOutboxes(program, done);
  addAnswers(program, done);
  addReports(program, done);
  addReplays(program, done);
  addValues(program, done);
  addCompletion(program);
  return program;
}

/** Adds `completion`, and the hidden command that its scripts call. Called last: it copies the commands and options that exist. */
function addCompletion(program: Command): void {
  const completionCommandName = 'completion';
  tab(program, { completionCommandName });
  program.commands
    .find((command) => command.name() === completionCommandName)
    ?.description('print the script that completes commands and options in a shell');
}

/** Adds the demo, which loads its parts only when it runs. */
function addDemo(program: Command): void {
  program
    .command('demo')
    .description('a week of real earthquakes: what came twice, what came late, and why the count of a day changed')
    .option('--limit <n>', 'only so many earthquakes', wholeNumber, '1707')
    .option('--once', 'end at once, also on a terminal')
    .option('--url <url>', 'an empty kit that serves the metric earthquakes; default: one of its own')
    .option('--api-key <key>', 'key of that kit; default PIK_API_KEY')
    .action(async (options) => (await import('./commands/demo.ts')).demo(options));
}

/** Commands that load the backend or work without a server; client commands start without the backend. */
function addServer(program: Command, done: Done): void {
  program
    .command('serve')
    .description('run the whole kit in this process')
    .option('--port <port>', 'port to listen on', '4600')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--data <dir>', 'data directory', '.pik')
    .option('--config <file>', 'pik.config.ts with catalog, aggregates and API keys')
    .option(
      '--readers <n>',
      'threads for questions; 0: the thread of ingest answers them. Default: 1, with more than two processors 2',
    )
    .option(
      '--parsers <n>',
      'threads that parse requests above 32 KB; 0: the thread of ingest does it. Default: one less than processors, at most 4',
    )
    .option('--no-worker', 'leave replay messages in the queue')
    .action(async (options) => (await import('./commands/serve.ts')).serve(options));
  program
    .command('rebuild')
    .description('rebuild the index from the raw log; stop the server first')
    .option('--data <dir>', 'data directory', '.pik')
    .option('--json', 'write JSON')
    .action(async (options) => done(await (await import('./commands/rebuild.ts')).rebuild(options)));
  program
    .command('compact')
    .description('close the hours whose packs are final; a server does it by itself, so stop it first')
    .option('--data <dir>', 'data directory', '.pik')
    .option(
      '--since <time>',
      'start of the log to look for open hours; default a day before the last one that was closed',
    )
    .option('--all', 'close the running hour too; later packs are its next generation')
    .option('--json', 'write JSON')
    .action(async (options) => done(await (await import('./commands/compact.ts')).compact(options)));
  program
    .command('keygen')
    .description('create an API key')
    .requiredOption('--name <name>', 'name of the user or service that gets the key')
    .option('--scopes <scopes>', 'permissions, comma-separated', 'ingest')
    .option('--origin <origin>', 'for pages of this origin only; may be given several times', many)
    .option('--json', 'write JSON')
    .action((options) => keygen(options));
}

/** A command that talks to a server. */
function client(program: Command, name: string, description: string): Command {
  return (
    program
      .command(name)
      .description(description)
      // No defaults here: help prints defaults, and the environment holds credentials.
      .option('--url <url>', `URL of the kit; default PIK_URL, else ${DEFAULT_URL}`)
      .option('--api-key <key>', 'API key; default PIK_API_KEY')
      .option('--json', 'write only JSON to standard output')
  );
}

function addDoctor(program: Command, done: Done): void {
  client(program, 'doctor', 'check this machine, the server, the key, the data directory and the config file')
    .option('--data <dir>', 'data directory of a server on this machine', '.pik')
    .option('--config <file>', 'pik.config.ts to check')
    .action(async (options) => done(await doctor(options)));
}

const FILE = 'NDJSON, a JSON array or concatenated JSON objects, plain or gzip; - for standard input';

const MAP = [
  '--map <file>',
  'module whose default export reads each record, or row of CSV or Parquet, as an event; made by defineRecordMap',
] as const;
const MAP_DRY_RUN = [
  '--dry-run',
  'with --map: show ten events and the outcome that each would have; send nothing',
] as const;

function addSending(program: Command, done: Done): void {
  client(
    program,
    'ingest',
    "send a file's events unchanged, received now; an event without a time gets the current time",
  )
    .argument('<file>', FILE)
    .option(...MAP)
    .option(...MAP_DRY_RUN)
    .action(async (file, options) => done(await ingest(file, options)));
  client(program, 'import', "backfill: send a file's records unchanged, each with its own received_at")
    .argument('<file>', FILE)
    .option(...MAP)
    .option(...MAP_DRY_RUN)
    .option('--key <field>', 'use the exact value of this field as the idempotency key')
    .action(async (file, options) => done(await importFile(file, options)));
}

/** Outboxes of producers on this machine; `list` reads only the files. */
function addOutboxes(program: Command, done: Done): void {
  const outbox = program
    .command('outbox')
    .description('list the outboxes of producers on this machine, or send their records');
  outbox
    .command('list')
    .description('pending records of each outbox, and the process that has it open')
    .argument('<dir>', 'an outbox, or a folder of them')
    .option('--json', 'write only JSON to standard output')
    .action(async (dir, options) => done(await outboxList(dir, options)));
  client(outbox, 'drain', 'send the records of outboxes that no process has open')
    .argument('<dir>', 'an outbox, or a folder of them')
    .action(async (dir, options) => done(await outboxDrain(dir, options)));
}

function addAnswers(program: Command, done: Done): void {
  withFlags(client(program, 'events', 'the events of an entity, in order of event time'), {
    fields: EVENTS_FIELDS,
    draws: false,
  }).action(async (options) => done(await events(options)));
  const explaining = withZone(
    client(program, 'explain', 'what happened to one event; `explain change`: why a value changed'),
  )
    .argument('[event-id]')
    .option('--source <source>')
    .option('--type <type>')
    .option('--entity <id>')
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
  withFlags(client(program, 'rejects', 'rejected receipts, conflicts and failed processing, the latest first'), {
    fields: REJECTS_FIELDS,
    draws: false,
  })
    .option('--limit <n>', 'how many', wholeNumber, '50')
    .action(async (options) => done(await rejects(options)));
  client(program, 'verify', 'check that every receipt has its outcome, bytes match hashes, and rows match bytes')
    .option('--digest', 'print the digest of the log; store it elsewhere')
    .action(async (options) => done(await verify(options)));
  client(program, 'verify-case', 'ask the questions of a case of the console again, and compare the answers')
    .argument('<file>', 'the exported file')
    .action(async (file, options) => done(await verifyCase(file, options)));
}

const FIND_HELP = `
Expressions: payload.order_id=4711   source == "shop" and not (outcome in [DUPLICATE, REJECTED])
             payload.items[*].sku.startsWith("A-")   has(payload.refund)   trace_id=4bf92f…   body.contains("4711")
Fields: ${SEARCH_FIELDS.join(', ')}.`;

const HTML = ['--html <file>', 'write the answer with its charts to this self-contained file'] as const;

function addReports(program: Command, done: Done): void {
  withRange(client(program, 'status', 'one screen: do events flow, what needs attention, and since when'), {
    from: 'start of the range; default 24h ago',
    to: 'end of the range (exclusive)',
  })
    .option('--include-imported', 'count backfilled events too')
    .option('--watch <seconds>', 'show it again and again, this many seconds apart', wholeNumber)
    .action(async (options) => done(await status(options)));
  for (const name of QUESTION_NAMES) {
    if (name === 'find') continue;
    const { fields, summary } = QUESTIONS[name];
    const description = summary.charAt(0).toLowerCase() + summary.slice(1);
    withFlags(client(program, name, description), { fields, draws: VIEWS[name].draws === true }).action(
      async (options) => done(await (name === 'schema' ? schema(options) : askQuestion(name, options))),
    );
  }
  withRange(
    client(program, 'reingest', 'send rejected receipts again after a fix; each keeps a link to its original'),
    {
      from: 'first receive time of the rejected receipts',
      to: 'end of the range of receive times (exclusive)',
    },
  )
    .argument('[receipt...]', 'PACK/LINE, as pik rejects lists them; default: all that the options select')
    .option('--body <file>', 'file with the mended record of one receipt; - for standard input')
    .option('--code <code>', 'all receipts rejected with this code')
    .option('--source <source>')
    .option('--type <type>')
    .option('--map <file>', 'module whose default export mends each receipt: (text, receipt) => the mended record')
    .option('--dry-run', 'show the predicted outcome of each, with examples; send nothing')
    .action(async (receipts, options) => done(await reingest(receipts, options)));
}

/** Collects the values of an option that may be given several times. */
const many = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

function addReplays(program: Command, done: Done): void {
  withRange(client(program, 'replay', 'send past events again; with --dry-run, show what that would change'), {
    from: 'first event time',
    to: 'end of the range of event times (exclusive)',
  })
    .option('--entity <id>', 'events of this entity')
    .option('--source <source>')
    .option('--type <type>')
    .option('--event <id>', 'this event; may be given several times', many)
    .option('--received-from <time>', 'only first received at or after this time')
    .option('--received-to <time>', 'only first received before this time')
    .option('--metric <metric>', 'recompute only this metric; may be given several times', many)
    .option('--as-of <time>', 'events received by then; default now')
    .option('--limit <n>', 'maximum number of events per call', wholeNumber)
    .option('--include-duplicates', 'also send repeated receipts')
    .option('--dry-run', 'predict the new values without sending anything')
    .option('--reason <text>', 'why; recorded with who and when')
    .option('--resume <replay-id>', 'continue this replay')
    .option('--cancel <replay-id>', 'stop sending this replay')
    .option('--no-wait', 'do not wait until the windows are recomputed')
    .option('--timeout <seconds>', 'seconds to wait for the windows', wholeNumber, '60')
    .action(async (options) => done(await replay(options)));
  client(program, 'replays', 'who replayed what, when and why; the latest first')
    .option('--limit <n>', 'how many', wholeNumber, '50')
    .action((options) => replays(options));
  client(program, 'dead-letters', 'messages that could not be processed, with the reason')
    .option('--redrive [message-id...]', 'put these messages, or all of them, back into the queue')
    .action(async (options) => done(await deadLetters(options)));
}

function addValues(program: Command, done: Done): void {
  withFlags(client(program, 'history', 'the versions of a value, oldest first: what was known, and when'), {
    fields: HISTORY_FIELDS,
    draws: false,
  }).action(async (options) => done(await history(options)));
  withFlags(client(program, 'compute', 'a value now, or as known at a receive time; writes nothing'), {
    fields: computeQuestion.fields,
    draws: false,
  }).action((options) => compute(options));
}
