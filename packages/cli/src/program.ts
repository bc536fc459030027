import tab from '@bomb.sh/tab/commander';
import { VIEWS } from '@pik/render';
import { computeQuestion, QUESTION_NAMES, QUESTIONS } from '@pik/schema';
import { Command, CommanderError } from 'commander';
import own from '../package.json' with { type: 'json' };
import { compute } from './commands/compute.ts';
import { deadLetters } from './commands/dead-letters.ts';
import { HISTORY_FIELDS, history } from './commands/history.ts';
import { importFile } from './commands/import.ts';
import { ingest } from './commands/ingest.ts';
import { type AskOptions, askQuestion, withFlags } from './commands/question.ts';
import { REINGEST_FIELDS, reingest } from './commands/reingest.ts';
import { REPLAY_FIELDS, replay } from './commands/replay.ts';
import { replays } from './commands/replays.ts';
import { schema } from './commands/schema.ts';
import { status } from './commands/status.ts';
import { errorText } from './error-text.ts';
import { EXIT, exitOf } from './exit-status.ts';
import { addMonitors } from './monitor-commands.ts';
import { guardOutput, keepWorking, writeErr, writeOut } from './output.ts';
import { addAnswers } from './program/answer-commands.ts';
import { client, type Done } from './program/client.ts';
import { addExamples } from './program/examples.ts';
import {
  addDemo,
  addDoctor,
  addErasure,
  addMcp,
  addOutboxes,
  addProfiles,
  addServer,
} from './program/local-commands.ts';
import { addSignedLog, addVerification } from './program/log-commands.ts';
import { addStores } from './program/store-commands.ts';
import { wholeNumber } from './program/whole-number.ts';
import { withoutSecrets } from './secrets.ts';
import { addTaps } from './tap-commands.ts';
import { withRange } from './times.ts';
import { watching, withWatch } from './watch.ts';

/** Runs the command in `args` and returns its exit status, one of `EXIT`. */
export async function run(args: readonly string[]): Promise<number> {
  guardOutput();
  let code: number = EXIT.yes;
  const program = createProgram((ok) => {
    code = typeof ok === 'number' ? ok : ok === false ? EXIT.no : EXIT.yes;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) writeErr(`pik: ${errorText(error, args)}\n`);
    return exitOf(error);
  }
}

const TAPS = ['postgres', 'redis', 'nats', 'rabbitmq', 'sqs'];
const WORKING = new Set([
  'demo',
  'serve',
  'rebuild',
  'backup',
  'restore',
  'witness',
  'compact',
  'erase',
  'ingest',
  'import',
  'reingest',
  'replay',
  'deliver',
  'drain',
  'export',
  'rotate',
  'replace-key',
  'restore',
  'mute',
  'unmute',
  ...TAPS,
]);

function changesSomething(command: Command): boolean {
  return WORKING.has(command.name()) || command.opts<{ redrive?: unknown }>().redrive !== undefined;
}

/** Adds the command for an option that other command lines have. */
function withHint(text: string): string {
  const follows = /^error: unknown option '(?:-f|--follow)'/.test(text);
  return follows ? `${text}(\`pik tail\` prints receipts as they arrive; --watch repeats a question)\n` : text;
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
    .configureOutput({ writeOut, writeErr, outputError: (text, write) => write(withoutSecrets(withHint(text))) })
    .hook('preAction', (_, command) => {
      if (changesSomething(command)) keepWorking();
    })
    .exitOverride();
  addDemo(program);
  addServer(program, done);
  addErasure(program, done);
  addDoctor(program, done);
  addProfiles(program, done);
  addSending(program, done);
  addTaps(program, { client, done });
  addOutboxes(program, done);
  addAnswers(program, done);
  addStores(program, done);
  addVerification(program, done);
  addSignedLog(program);
  addReports(program, done);
  addMonitors(program, done);
  addReplays(program, done);
  addValues(program, done);
  addMcp(program);
  addCompletion(program);
  addExamples(program);
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

function addReports(program: Command, done: Done): void {
  withWatch(
    withRange(client(program, 'status', 'on one screen: do events flow, and what needs attention, since when?'), {
      from: 'start of the range; default 24h ago',
      to: 'end of the range (exclusive)',
    }).option('--include-imported', 'count backfilled events too'),
  ).action(async (options) => done(await status(options)));
  for (const name of QUESTION_NAMES) {
    if (name === 'find') continue;
    const { fields, summary } = QUESTIONS[name];
    const description = summary.charAt(0).toLowerCase() + summary.slice(1);
    const ask = (options: AskOptions) => (name === 'schema' ? schema(options) : askQuestion(name, options));
    withWatch(withFlags(client(program, name, description), { fields, draws: VIEWS[name].draws === true })).action(
      async (options) => done(await watching(options, () => ask(options))),
    );
  }
  withFlags(
    client(program, 'reingest', 'send rejected receipts again after a fix; each keeps a link to its original'),
    {
      fields: REINGEST_FIELDS,
      draws: false,
    },
  )
    .argument('[receipt...]', 'PACK/LINE, as pik rejects lists them; default: all that the options select')
    .option('--body <file>', 'file with the mended record of one receipt; - for standard input')
    .option('--map <file>', 'module whose default export mends each receipt: (text, receipt) => the mended record')
    .action(async (receipts, options) => done(await reingest(receipts, options)));
}

function addReplays(program: Command, done: Done): void {
  withFlags(client(program, 'replay', 'send past events again; with --dry-run, show what that would change'), {
    fields: REPLAY_FIELDS,
    draws: false,
  })
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
  withWatch(
    withFlags(client(program, 'history', 'the versions of a value, oldest first: what was known, and when'), {
      fields: HISTORY_FIELDS,
      draws: false,
    }),
  ).action(async (options) => done(await watching(options, () => history(options))));
  withWatch(
    withFlags(client(program, 'compute', 'a value now, or as known at a receive time; writes nothing'), {
      fields: computeQuestion.fields,
      draws: false,
    }),
  ).action(async (options) => done(await watching(options, () => compute(options))));
}
