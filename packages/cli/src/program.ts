import { printable } from '@pik/render';
import { KitError } from '@pik/schema';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { deadLetters } from './commands/dead-letters.ts';
import { events } from './commands/events.ts';
import { explain } from './commands/explain.ts';
import { explainChange } from './commands/explain-change.ts';
import { failures } from './commands/failures.ts';
import { completeness, gaps } from './commands/gaps.ts';
import { compute, history } from './commands/history.ts';
import { keygen } from './commands/keygen.ts';
import { outboxDrain, outboxList } from './commands/outbox.ts';
import { reingest } from './commands/reingest.ts';
import { rejects } from './commands/rejects.ts';
import { replay, replays } from './commands/replay.ts';
import { duplicates, lag } from './commands/reports.ts';
import { sendFile } from './commands/send-file.ts';
import { verify } from './commands/verify.ts';
import { EXIT, exitOf } from './exit-status.ts';
import { foreignErrorText } from './foreign-error.ts';
import { guardOutput, keepWorking, writeErr, writeOut } from './output.ts';
import { withoutSecrets } from './secrets.ts';
import { DEFAULT_URL } from './session.ts';
import { inFlags, withRange, withZone } from './times.ts';

/** Runs the command that the arguments name; gives its exit status, one of `EXIT`. */
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

/** One line that says what is wrong and, where there is one, the way out. */
function errorText(error: unknown, args: readonly string[]): string {
  // SQLite is a part of Node; the commands that ask a server do without.
  if ((error as NodeJS.ErrnoException).code === 'ERR_UNKNOWN_BUILTIN_MODULE')
    return `this command needs Node 22.18 or newer, and this is ${process.version}`;
  if (!KitError.is(error)) return foreignErrorText(error);
  const hint = HINTS[error.code];
  const text = `${error.code}: ${error.message}${hint === undefined ? '' : ` (${hint})`}`;
  // Other errors name the fields of records.
  return error.code === 'REQUEST_INVALID' ? inFlags(text, args) : text;
}

const HINTS: Readonly<Record<string, string>> = {
  NETWORK: 'is it running? `pik serve` starts one; --url names another',
  NOT_PROCESSED: 'does the server run with its worker? `pik dead-letters` lists what failed',
};

type Done = (ok: boolean | undefined) => void;

const WORKING = new Set(['serve', 'rebuild', 'ingest', 'import', 'reingest', 'replay', 'drain']);

function changesSomething(command: Command): boolean {
  return WORKING.has(command.name()) || command.opts<{ redrive?: unknown }>().redrive !== undefined;
}

/** An option that is a whole number; what reads it takes it as text. */
function wholeNumber(value: string): string {
  if (!/^\d{1,9}$/.test(value)) throw new InvalidArgumentError('It must be a whole number of at most nine digits.');
  return value;
}

/** All commands; `done` gets what each of them answers. */
export function createProgram(done: Done): Command {
  const program = new Command('pik')
    .description('A black box for event pipelines: keep every event, investigate it later.')
    .showHelpAfterError('(--help shows how)')
    // Else `explain` would take the options of `explain change` for its own.
    .enablePositionalOptions()
    .configureOutput({ writeOut, writeErr, outputError: (text, write) => write(withoutSecrets(text)) })
    .hook('preAction', (_, command) => {
      if (changesSomething(command)) keepWorking();
    })
    .exitOverride();
  addServer(program, done);
  addSending(program, done);
  addOutboxes(program, done);
  addAnswers(program, done);
  addReports(program, done);
  addReplays(program, done);
  addValues(program, done);
  return program;
}

/** These two load the backend; a command that only asks a server starts without it. */
function addServer(program: Command, done: Done): void {
  program
    .command('serve')
    .description('serve the whole kit from this process')
    .option('--port <port>', 'port to listen on', '4600')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--data <dir>', 'data directory', '.pik')
    .option('--config <file>', 'pik.config.ts with catalog, aggregates and API keys')
    .option('--no-worker', 'leave the messages of replays in the queue')
    .action(async (options) => (await import('./commands/serve.ts')).serve(options));
  program
    .command('rebuild')
    .description('make the index again from the raw log, with the server stopped')
    .option('--data <dir>', 'data directory', '.pik')
    .option('--json', 'machine output')
    .action(async (options) => done(await (await import('./commands/rebuild.ts')).rebuild(options)));
  program
    .command('keygen')
    .description('make an API key')
    .requiredOption('--name <name>', 'who will use it')
    .option('--scopes <scopes>', 'what it may do, comma-separated', 'ingest')
    .option('--json', 'machine output')
    .action((options) => keygen(options));
}

/** A command that talks to a server. */
function client(program: Command, name: string, description: string): Command {
  return (
    program
      .command(name)
      .description(description)
      // No defaults here: help shows a default, and an environment has credentials.
      .option('--url <url>', `where the kit is served; default PIK_URL of the environment, else ${DEFAULT_URL}`)
      .option('--api-key <key>', 'API key; default PIK_API_KEY of the environment')
      .option('--json', 'machine output on standard output, nothing else there')
  );
}

const FILE = 'NDJSON, a JSON array or JSON objects one after another, as gzip or plain; - for standard input';

function addSending(program: Command, done: Done): void {
  client(program, 'ingest', "send a file's events as they are, received now; one without a time happens now")
    .argument('<file>', FILE)
    .action(async (file, options) => done(await sendFile(file, { ...options, backfill: false })));
  client(program, 'import', "backfill: send a file's records as they are, each with its own received_at")
    .argument('<file>', FILE)
    .option('--key <field>', 'field whose value, as it is written, becomes the idempotency key')
    .action(async (file, options) => done(await sendFile(file, { ...options, backfill: true })));
}

/** Outboxes of producers, on this machine: the server has no part in what they owe it. */
function addOutboxes(program: Command, done: Done): void {
  const outbox = program
    .command('outbox')
    .description('outboxes of producers on this machine: list them, send what they hold');
  outbox
    .command('list')
    .description('what a folder of outboxes owes, and which process has each open')
    .argument('<dir>', 'an outbox, or a folder of them')
    .option('--json', 'machine output on standard output, nothing else there')
    .action(async (dir, options) => done(await outboxList(dir, options)));
  client(outbox, 'drain', 'send what outboxes hold that no process has open')
    .argument('<dir>', 'an outbox, or a folder of them')
    .action(async (dir, options) => done(await outboxDrain(dir, options)));
}

function addAnswers(program: Command, done: Done): void {
  withRange(
    client(program, 'events', 'the events of an entity, in order of event time').requiredOption(
      '--entity <id>',
      'whose events',
    ),
    { from: 'first event time', to: 'first event time after the range' },
  )
    .option('--as-of <time>', 'as it was known at this receive time')
    .action(async (options) => done(await events(options)));
  const explaining = withZone(
    client(program, 'explain', 'what happened to one event; `explain change`: why a value changed'),
  )
    .argument('[event-id]')
    .option('--source <source>')
    .option('--type <type>')
    .option('--entity <id>')
    .option('--key <key>', 'idempotency key, with --source, --type and --entity')
    .option('--time <time>', 'event time, with --entity')
    .option('--as-of <time>', 'as it was known at this receive time')
    .option(...HTML)
    .action(async (eventId, options) => done(await explain(eventId, options)));
  withZone(client(explaining, 'change', 'why a value changed: between versions, receive times, or until now'))
    .requiredOption('--metric <metric>', 'its name: daily_event_count, or one of pik.config.ts')
    .requiredOption('--key <key>', 'entity id, source, JSON array of source and type, or all')
    .requiredOption('--window <start>', 'start of the window, or the date of a day')
    .option('--from <side>', 'number of a version, receive time, or now; default: the version before the latest')
    .option('--to <side>', 'the same; default: the latest version, with --from now')
    .option('--limit <n>', 'events, and units, that are listed', '20')
    .option('--cursor <cursor>', 'next_cursor of the answer before (--json): its next events and units')
    .option(...SVG)
    .option(...HTML)
    .action((options) => explainChange(options));
  withRange(client(program, 'rejects', 'rejected receipts, conflicts and failed processing, the latest first'), {
    from: 'first receive time',
    to: 'first receive time after the range',
  })
    .option('--code <code>', 'only those with this code')
    .option('--source <source>')
    .option('--type <type>')
    .option('--limit <n>', 'how many', wholeNumber, '50')
    .action(async (options) => done(await rejects(options)));
  client(program, 'verify', 'receipts = outcomes, bytes = hashes, rows = what the bytes make')
    .option('--digest', 'print the root to keep elsewhere')
    .action(async (options) => done(await verify(options)));
}

const SVG = ['--svg <file>', 'write the picture of the answer to this file'] as const;
const HTML = ['--html <file>', 'write the answer with its pictures to this file, which stands alone'] as const;

/** A report: what most of them take. */
function report(program: Command, name: string, description: string): Command {
  return withRange(client(program, name, description), {
    from: 'start of the range',
    to: 'end of the range, not part of it',
  })
    .option('--as-of <time>', 'as it was known at this receive time')
    .option('--source <source>')
    .option('--type <type>')
    .option('--by <dimensions>', 'source, event_type, day, hour; comma-separated')
    .option('--limit <n>', 'groups, days or gaps of one page')
    .option('--cursor <cursor>', 'the next page, as the one before says; with the same other options')
    .option(...SVG)
    .option(...HTML);
}

const BASIS = ['--basis <basis>', 'which time the range means: event or received'] as const;
const IMPORTED = ['--include-imported', 'count backfilled events too'] as const;

function addReports(program: Command, done: Done): void {
  report(program, 'lag', 'where is data delayed?')
    .option(...BASIS)
    .option(...IMPORTED)
    .option('--late-over-ms <ms>', 'count arrivals later than this')
    .option('--worst <n>', 'events named as the worst', '10')
    .action((options) => lag(options));
  report(program, 'duplicates', 'what came more than once?')
    .option(...BASIS)
    .option(...IMPORTED)
    .option('--worst <n>', 'repeated events of one page', '10')
    .action((options) => duplicates(options));
  report(program, 'failures', 'which source or event type fails most? The range is of receive times')
    .option('--baseline-from <time>', 'failures are new that do not occur from here to --from')
    .action(async (options) => done(await failures(options)));
  report(program, 'gaps', 'which days or windows are missing, and why?')
    .option(...BASIS)
    .option(...IMPORTED)
    .option('--grain <grain>', 'minute, hour or day', 'hour')
    .option('--cadence-ms <ms>', 'how often the series comes; learned where it is not said')
    .option('--entity <id>', 'the events of this entity as the series')
    .option('--metric <metric>', 'windows of this metric that a version lacks events of, with --key, --from and --to')
    .option('--key <key>', 'whose value, with --metric')
    .action(async (options) => done(await gaps(options)));
  report(program, 'completeness', 'how complete is each event day, and when will an open one be?')
    .option(...IMPORTED)
    .action((options) => completeness(options));
  withRange(
    client(program, 'reingest', 'send rejected receipts again after a fix; each keeps a link to its original'),
    {
      from: 'first receive time of the rejected receipts',
      to: 'first receive time after the range',
    },
  )
    .argument('[receipt...]', 'PACK/LINE, as pik rejects lists them; without any, all that the options select')
    .option('--body <file>', 'the mended record, - for standard input; with one receipt')
    .option('--code <code>', 'all rejected with this code')
    .option('--source <source>')
    .option('--type <type>')
    .option('--map <file>', 'a module whose default export mends each: (text, receipt) => the mended record')
    .option('--dry-run', 'say what would become of them, with examples; send nothing')
    .action(async (receipts, options) => done(await reingest(receipts, options)));
}

/** An option that may be given several times. */
const many = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

function addReplays(program: Command, done: Done): void {
  withRange(client(program, 'replay', 'send past events again, or with --dry-run say what that would change'), {
    from: 'first event time',
    to: 'first event time after the range',
  })
    .option('--entity <id>', 'events of this entity')
    .option('--source <source>')
    .option('--type <type>')
    .option('--event <id>', 'this event; may be given several times', many)
    .option('--received-from <time>', 'only first received at or after this time')
    .option('--received-to <time>', 'only first received before this time')
    .option('--metric <metric>', 'compute only this metric again; may be given several times', many)
    .option('--as-of <time>', 'events received by then; default now')
    .option('--limit <n>', 'events of one call', wholeNumber)
    .option('--include-duplicates', 'further receipts go into the messages too')
    .option('--dry-run', 'read everything, send nothing, predict')
    .option('--reason <text>', 'why; kept with who and when')
    .option('--resume <replay-id>', 'go on with this replay')
    .option('--cancel <replay-id>', 'send nothing more of this replay')
    .option('--no-wait', 'do not wait until the windows are computed again')
    .option('--timeout <seconds>', 'how long to wait for that', wholeNumber, '60')
    .action(async (options) => done(await replay(options)));
  client(program, 'replays', 'who replayed what, when and why; the latest first')
    .option('--limit <n>', 'how many', wholeNumber, '50')
    .action((options) => replays(options));
  client(program, 'dead-letters', 'messages that could not be processed, with the reason')
    .option('--redrive [message-id...]', 'put these, or without any all of them, back into the queue')
    .action(async (options) => done(await deadLetters(options)));
}

function addValues(program: Command, done: Done): void {
  const value = (name: string, description: string) =>
    client(program, name, description)
      .requiredOption('--metric <metric>', 'its name: daily_event_count, or one of pik.config.ts')
      .requiredOption('--key <key>', 'entity id, source, JSON array of source and type, or all');
  value('history', 'the versions of a value, oldest first: what was known, and when')
    .option('--window <start>', 'start of the window, or the date of a day')
    .action(async (options) => done(await history(options)));
  withZone(value('compute', 'a value now, or as it was known at a receive time; writes nothing'))
    .requiredOption('--window <start>', 'start of the window, or the date of a day')
    .option('--as-of <time>', 'as it was known at this receive time')
    .action((options) => compute(options));
}
