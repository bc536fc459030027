import type { TapOptions } from '@pik/taps';
import type { Command } from 'commander';

import type { TapCommandOptions, TapSource } from './commands/tap.ts';
import { many } from './program/client.ts';

type Done = (ok: boolean | undefined) => void;
type Client = (program: Command, name: string, description: string) => Command;

/** Adds `pik tap` with a command for each source; each loads its client library only when it runs. */
export function addTaps(program: Command, { client, done }: { client: Client; done: Done }): void {
  const taps = program.command('tap').description('send the records of a queue, a stream or a database to the kit');
  const source = (name: string, description: string) =>
    client(taps, name, description)
      .option('--map <file>', 'module whose default export reads each record as an event, made by defineRecordMap')
      .option('--source <name>', 'source of the events, without --map')
      .option('--drain', 'stop when there are no more records');
  const run = async (options: TapCommandOptions, sourceOf: (library: Library) => TapSource) => {
    const { tap } = await import('./commands/tap.ts');
    done(await tap(sourceOf(await import('@pik/taps')), options));
  };
  addDatabases(source, run);
  addQueues(source, run);
}

type Library = typeof import('@pik/taps');
type Source = (name: string, description: string) => Command;
type Run = (options: TapCommandOptions, sourceOf: (library: Library) => TapSource) => Promise<void>;

/** The options of a tap's command. */
type Given<T extends TapOptions = TapOptions> = TapCommandOptions & T & { readonly from?: string | undefined };

function addDatabases(source: Source, run: Run): void {
  source('postgres', 'row changes, from a logical replication slot with wal2json')
    .option('--from <url>', 'postgres://user@host/database; default PGHOST, PGUSER …')
    .requiredOption('--slot <name>', 'replication slot')
    .option('--create', 'create the slot if there is none')
    .option('--table <name>', 'schema.table, or schema.*; may be given several times; default all', many)
    .action((options: Given & { slot: string; create?: boolean; table?: readonly string[] }) =>
      run(options, ({ openPostgresTap, wal2jsonMap }) => ({
        open: () => openPostgresTap({ ...options, connectionString: options.from, tables: options.table }),
        map: wal2jsonMap({ source: options.source ?? 'postgres' }),
      })),
    );
  source('redis', 'entries of a Redis stream, read by a consumer group')
    .option('--from <url>', 'redis://host:port; default redis://127.0.0.1:6379')
    .requiredOption('--stream <key>', 'the stream')
    .option('--group <name>', 'consumer group; created at the beginning of the stream', 'pik')
    .option('--consumer <name>', 'name of this reader in the group', 'pik')
    .option('--field <name>', 'the field with the record; default the only one, else all as JSON')
    .action((options: Given & { stream: string; group: string; consumer: string; field?: string }) =>
      run(options, ({ openRedisTap, defaultMap }) => ({
        open: () => openRedisTap({ ...options, url: options.from }),
        map: defaultMap({ source: options.source ?? options.stream }),
      })),
    );
}

function addQueues(source: Source, run: Run): void {
  source('nats', 'messages of a NATS JetStream stream, read by a durable consumer')
    .option('--from <servers>', 'host:port, comma-separated; default 127.0.0.1:4222')
    .requiredOption('--stream <name>', 'the stream')
    .option('--consumer <name>', 'durable consumer; created at the beginning of the stream', 'pik')
    .option('--filter <subject>', 'only these subjects, for a consumer that is created')
    .action((options: Given & { stream: string; consumer: string; filter?: string }) =>
      run(options, ({ openNatsTap, defaultMap }) => ({
        open: () => openNatsTap({ ...options, servers: options.from }),
        map: defaultMap({ source: options.source ?? options.stream }),
      })),
    );
  source('rabbitmq', 'messages of a RabbitMQ queue; each is removed once it is stored')
    .option('--from <url>', 'amqp://user@host; default amqp://127.0.0.1')
    .requiredOption('--queue <name>', 'the queue')
    .action((options: Given & { queue: string }) =>
      run(options, ({ openRabbitmqTap, defaultMap }) => ({
        open: () => openRabbitmqTap({ ...options, url: options.from }),
        map: defaultMap({ source: options.source ?? options.queue }),
      })),
    );
  source('sqs', 'messages of an Amazon SQS queue; each is deleted once it is stored')
    .requiredOption('--queue-url <url>', 'URL of the queue')
    .option('--region <name>', 'default AWS_REGION')
    .option('--endpoint <url>', 'of an emulator')
    .action((options: Given & { queueUrl: string; region?: string; endpoint?: string }) =>
      run(options, ({ openSqsTap, defaultMap }) => ({
        open: () => openSqsTap(pickSqs(options)),
        map: defaultMap({ source: options.source ?? options.queueUrl.split('/').at(-1) ?? 'sqs' }),
      })),
    );
}

const pickSqs = ({ queueUrl, region, endpoint }: { queueUrl: string; region?: string; endpoint?: string }) => ({
  ...{ queueUrl, region, endpoint },
});
