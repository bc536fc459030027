import type { Command } from 'commander';

import { caseExport } from '../commands/case-export.ts';
import { verify } from '../commands/verify.ts';
import { client, type Done, many } from './client.ts';
import { wholeNumber } from './whole-number.ts';

/** Adds the commands that verify, and the files that they verify without a server. */
export function addVerification(program: Command, done: Done): void {
  client(program, 'verify', 'check that every receipt has its outcome, bytes match hashes, and rows match bytes')
    .option('--digest', 'print the digest of the log; store it elsewhere')
    .option('--since <time>', 'check only packs and closed hours stored since then')
    .option('--offline <dir>', 'check an export of the signed log instead, without a server')
    .option('--case <file>', 'check the proof of one event instead, without a server')
    .option('--key <vkey>', 'public key of the log that you trust, now or before a rotation')
    .option('--pin <file>', 'with --offline: checkpoint that you kept; the log must continue it')
    .option('--witness <vkey>', 'key of a witness that must have signed too; may be given several times', many)
    .option('--quorum <n>', 'with --offline: how many of the witnesses must have signed; default all', wholeNumber)
    .action(async (options) => {
      if (options.offline === undefined && options.case === undefined) return done(await verify(options));
      const { verifyOffline, verifyProof } = await import('../commands/verify-offline.ts');
      if (options.offline !== undefined) return done(await verifyOffline(options.offline, options));
      return done(await verifyProof(options.case, options));
    });
  const cases = program.command('case').description('files that prove an event without a server');
  client(cases, 'export', 'write a file that proves that an event was received; check it with `verify --case`')
    .argument('<event-id>')
    .requiredOption('--out <file>', 'the file to write, a tar')
    .action((eventId, options) => caseExport(eventId, options));
}

/** Adds the commands of the signed log of a data directory, and the witness of others. */
export function addSignedLog(program: Command): void {
  program
    .command('witness')
    .description('sign the checkpoints of logs that only grow (C2SP tlog-witness)')
    .requiredOption('--name <name>', 'name of the witness, such as witness.example.com; decided by the first start')
    .requiredOption('--log <vkey>', 'key of a log to sign for; may be given several times', many)
    .option('--data <dir>', 'folder of its key and its state', '.pik-witness')
    .option('--port <port>', 'port to listen on', '4601')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .action(async (options) => (await import('../commands/witness.ts')).witness(options));
  const log = program.command('log').description('the signed log of closed hours in a data directory');
  local(log, 'export', 'write the log and its packs into a folder; check it with `verify --offline`')
    .requiredOption('--out <dir>', 'the folder to write, new or empty')
    .option('--from <time>', 'start of the first hour whose packs are written')
    .option('--to <time>', 'end of the last hour whose packs are written')
    .action(async (options) => (await import('../commands/log-export.ts')).logExport(options));
  local(log, 'rotate', 'sign with a new key from now on; the old key signs the new one').action(async (options) =>
    (await import('../commands/log-keys.ts')).logRotate(options, { lost: false }),
  );
  local(log, 'replace-key', 'sign with a new key after the old one was lost').action(async (options) =>
    (await import('../commands/log-keys.ts')).logRotate(options, { lost: true }),
  );
  local(log, 'restore', 'after a backup was restored: take the entries that it lacks from a copy')
    .requiredOption('--reason <text>', 'why; the log keeps it, so name no person')
    .action(async (options) => (await import('../commands/log-keys.ts')).logRestore(options));
}

function local(log: Command, name: string, description: string): Command {
  return log
    .command(name)
    .description(description)
    .option('--data <dir>', 'data directory; stop the server first', '.pik')
    .option('--config <file>', 'pik.config.ts with the name and the copies of the log')
    .option('--json', 'write JSON');
}
