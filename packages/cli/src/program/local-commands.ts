import type { Command } from 'commander';

import { keygen } from '../commands/keygen.ts';
import { login, logout, profiles } from '../commands/login.ts';
import { outboxDrain, outboxList } from '../commands/outbox.ts';
import { DEFAULT_URL } from '../profiles/choose.ts';
import { client, type Done, many } from './client.ts';
import { wholeNumber } from './whole-number.ts';

/** Adds the demo, which loads its parts only when it runs. */
export function addDemo(program: Command): void {
  program
    .command('demo')
    .description('a week of real earthquakes: what came twice, what came late, and why the count of a day changed')
    .option('--limit <n>', 'send only this many earthquakes', wholeNumber, '1707')
    .option('--once', 'end at once, also on a terminal')
    .option('--url <url>', 'an empty kit that serves the metric earthquakes; default: starts its own')
    .option('--api-key <key>', 'key of that kit; default PIK_API_KEY')
    .action(async (options) => (await import('../commands/demo.ts')).demo(options));
}

/** Commands that load the backend or work without a server; client commands start without the backend. */
export function addServer(program: Command, done: Done): void {
  program
    .command('serve')
    .description('run the whole kit in this process')
    .option('--port <port>', 'port to listen on', '4600')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--data <dir>', 'data directory', '.pik')
    .option('--config <file>', 'pik.config.ts with catalog, aggregates and API keys')
    .option(
      '--readers <n>',
      'threads for questions; 0: the main thread answers them. Default: 1, or 2 with more than two processors',
    )
    .option(
      '--parsers <n>',
      'threads that parse requests above 32 KB; 0: the main thread parses them. Default: one less than the number of processors, at most 4',
    )
    .option('--no-worker', 'leave replay messages in the queue')
    .action(async (options) => (await import('../commands/serve.ts')).serve(options));
  program
    .command('rebuild')
    .description('rebuild the index from the raw log; stop the server first')
    .option('--data <dir>', 'data directory', '.pik')
    .option('--json', 'write JSON')
    .action(async (options) => done(await (await import('../commands/rebuild.ts')).rebuild(options)));
  program
    .command('compact')
    .description('close the hours whose packs are final; a running server does this itself, so stop it first')
    .option('--data <dir>', 'data directory', '.pik')
    .option('--since <time>', 'first hour to look at; default: a day before the hour that was closed last')
    .option('--all', 'also close the current hour; packs that come later make its next generation')
    .option('--json', 'write JSON')
    .action(async (options) => done(await (await import('../commands/compact.ts')).compact(options)));
  program
    .command('backup')
    .description('copy a data directory while its server runs; into an earlier backup, copy only new files')
    .argument('<folder>', 'missing, empty, or an earlier backup of the directory')
    .option('--data <dir>', 'data directory', '.pik')
    .option('--json', 'write JSON')
    .action(async (folder, options) => (await import('../commands/backup.ts')).backup(folder, options));
  program
    .command('restore')
    .description('copy a backup to a new data directory, and rebuild its index')
    .argument('<folder>', 'the backup')
    .requiredOption('--data <dir>', 'new data directory: missing or empty')
    .option('--incomplete', 'accept a backup that was never completed')
    .option('--json', 'write JSON')
    .action(async (folder, options) => done(await (await import('../commands/backup.ts')).restore(folder, options)));
  program
    .command('keygen')
    .description('create an API key')
    .requiredOption('--name <name>', 'name of the user or service that gets the key')
    .option('--scopes <scopes>', 'permissions, comma-separated', 'ingest')
    .option('--owner <owner>', 'person or service responsible for the key')
    .option('--origin <origin>', 'for pages of this origin only; may be given several times', many)
    .option('--json', 'write JSON')
    .action((options) => keygen(options));
}

/** Adds `erase`. */
export function addErasure(program: Command, done: Done): void {
  program
    .command('erase')
    .description('erase the receipts of an entity from log and index; stop the server first')
    .option('--entity <id>', 'all receipts of this entity; may be given several times', many)
    .option('--file <file>', 'all receipts of the entities in this file, one id per line')
    .option('--receipt <pack/line>', 'only this receipt; may be given several times', many)
    .option('--reason <text>', 'why; kept forever, so name no person')
    .option('--dry-run', 'count what would be erased, and write nothing')
    .option('--yes', 'erase; it cannot be undone')
    .option('--resume', 'finish an erasure that was interrupted')
    .option('--replay', 'after a restore: repeat the recorded erasures')
    .option('--list', 'list the erasures')
    .option('--data <dir>', 'data directory', '.pik')
    .option('--config <file>', 'pik.config.ts with the copies of the log')
    .option('--json', 'write JSON')
    .action(async (options) => done(await (await import('../commands/erase.ts')).erase(options)));
}

/** Adds `doctor`. */
export function addDoctor(program: Command, done: Done): void {
  client(program, 'doctor', 'check this machine, the server, the key, the data directory and the config file')
    .option('--data <dir>', 'data directory of a server on this machine', '.pik')
    .option('--config <file>', 'pik.config.ts to check')
    .action(async (options) => done(await (await import('../commands/doctor.ts')).doctor(options)));
}

/** Adds `mcp`. */
export function addMcp(program: Command): void {
  client(program, 'mcp', 'answer an assistant over standard input and output (Model Context Protocol)')
    .option('--read-only', 'without the tool that replays')
    .action(async (options) => (await import('../commands/mcp.ts')).mcp(options));
}

/** Outboxes of producers on this machine; `list` reads only the files. */
export function addOutboxes(program: Command, done: Done): void {
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

/** Adds the commands about profiles: a server and its key, stored for this user alone. */
export function addProfiles(program: Command, done: Done): void {
  program
    .command('login')
    .description('store a server and its key as a profile of this user, once the server has accepted the key')
    .option('--profile <name>', 'name of the profile; default PIK_PROFILE, else default')
    .option('--url <url>', `URL of the kit; default PIK_URL, else that of the profile, else ${DEFAULT_URL}`)
    .option(
      '--api-key <key>',
      'API key; default PIK_API_KEY. Other users of this machine may see it while the command runs',
    )
    .option('--with-key', 'read the key from standard input, or ask for it on a terminal')
    .option('--no-check', 'store it without asking the server')
    .action(async (options) => done(await login(options)));
  program
    .command('logout')
    .description('remove a profile with its key')
    .option('--profile <name>', 'default PIK_PROFILE, else the current one')
    .action((options) => logout(options));
  program
    .command('profiles')
    .description('list the profiles, without their keys')
    .option('--use <name>', 'make this profile the current one')
    .option('--json', 'write only JSON to standard output')
    .action((options) => profiles(options));
}
