import type { Command } from 'commander';

/** Examples in the help of each command. A test checks that there are some, and that their options exist. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  demo: ['pik demo', 'pik demo --once'],
  serve: ['pik serve', 'pik serve --port 8080 --data /var/lib/pik --config pik.config.ts'],
  rebuild: ['pik rebuild --data /var/lib/pik'],
  backup: ['pik backup /mnt/backup/pik --data /var/lib/pik'],
  restore: ['pik restore /mnt/backup/pik --data /var/lib/pik-restored'],
  erase: [
    "pik erase --entity user_123 --reason 'request 17' --dry-run",
    "pik erase --file ids.txt --reason 'request 18' --yes",
  ],
  export: ["pik export receipts.parquet --parquet --since 7d --where 'source = shop'"],
  reconcile: ['pik reconcile orders.csv --their-id order_id --id /payload/order_id --since 24h'],
  deliver: [
    'pik deliver https://warehouse.example/events --source shop --from 2026-02-01 --to 2026-02-02 --dry-run',
    'pik deliver https://warehouse.example/events --journal february --resume',
  ],
  mcp: ['pik mcp --read-only', 'pik mcp --profile production --read-only'],
  compact: ['pik compact --data /var/lib/pik --since 2d'],
  keygen: ['pik keygen --name checkout', 'pik keygen --name alice --scopes investigate,replay'],
  doctor: ['pik doctor', 'pik doctor --data /var/lib/pik --config pik.config.ts'],
  login: [
    'pik login --url https://pik.example.com --with-key < key.txt',
    'pik login --profile test --url http://test:4600',
  ],
  logout: ['pik logout --profile test'],
  profiles: ['pik profiles', 'pik profiles --use work'],
  ingest: ['pik ingest events.ndjson', 'pik ingest orders.csv --map map.ts --dry-run'],
  import: ['pik import backfill.ndjson.gz --key order_id', 'zcat old.gz | pik import -'],
  'tap postgres': ['pik tap postgres --from postgres://kit@db/shop --slot pik --create'],
  'tap redis': ['pik tap redis --stream orders', 'pik tap redis --stream orders --map map.ts --drain'],
  'tap nats': ['pik tap nats --stream ORDERS --filter orders.placed'],
  'tap rabbitmq': ['pik tap rabbitmq --queue orders --from amqp://kit@mq'],
  'tap sqs': ['pik tap sqs --queue-url https://sqs.eu-west-1.amazonaws.com/1/orders'],
  'outbox list': ['pik outbox list /var/lib/checkout/outbox'],
  'outbox drain': ['pik outbox drain /var/lib/checkout'],
  events: ['pik events --entity user_123', 'pik events --entity user_123 --since 2d -o csv'],
  explain: ['pik explain EVENT_ID', 'pik explain --entity user_123 --time 2026-02-01T08:00:00Z'],
  'explain change': ['pik explain change --metric earthquakes --key all --window 2018-02-03 --from 1 --to 2'],
  find: ['pik find payload.order_id=4711', "pik find 'outcome = REJECTED' --since 2h --include body -o ndjson"],
  tail: ['pik tail', "pik tail 'source = shop' --since 5min", "pik tail 'outcome = REJECTED' --json"],
  sql: ["pik sql 'SELECT source, count(*) FROM events GROUP BY 1' --since 1d"],
  rejects: ['pik rejects --since 1d', 'pik rejects --code TIME_INVALID --source meters'],
  verify: ['pik verify --digest', 'pik verify --offline export --key VKEY', 'pik verify --case case.tar --key VKEY'],
  witness: ['pik witness --name witness.example.com --log VKEY --data /var/lib/pik-witness'],
  'log export': ['pik log export --data /var/lib/pik --out /mnt/audit/export'],
  'log rotate': ['pik log rotate --data /var/lib/pik'],
  'log replace-key': ['pik log replace-key --data /var/lib/pik'],
  'log restore': ["pik log restore --data /var/lib/pik --config pik.config.ts --reason 'disk replaced'"],
  'case export': ['pik case export EVENT_ID --out case.tar'],
  'verify-case': ['pik verify-case case.html'],
  status: ['pik status', 'pik status --since 7d --watch 10'],
  lag: ['pik lag --by source,event_type', 'pik lag --since 7d --by source,day --html lag.html'],
  duplicates: ['pik duplicates --since 7d', 'pik duplicates --by source -o csv'],
  failures: ['pik failures --since 1d', 'pik failures --since 1d --json'],
  gaps: ['pik gaps --grain day --since 30d', 'pik gaps --grain hour --source meters --svg calendar.svg'],
  completeness: ['pik completeness --since 14d'],
  compare: ["pik compare --a 'outcome = REJECTED'", 'pik compare --a payload.release=2.4.0 --since 2d'],
  schema: ['pik schema --source shop', 'pik schema --drift-from 2d'],
  reingest: ['pik reingest --code TIME_INVALID --source meters --map fix.ts --dry-run'],
  replay: [
    'pik replay --from 2026-02-01 --to 2026-02-02 --dry-run',
    "pik replay --entity user_123 --from 2026-02-01 --to 2026-02-02 --reason 'late payments'",
  ],
  monitors: ['pik monitors', 'pik monitors --ended 20'],
  'monitors mute': ["pik monitors mute orders-silent --for 2h --reason 'a release'"],
  'monitors unmute': ['pik monitors unmute orders-silent'],
  check: ['pik check --config pik.config.ts', 'pik check --source shop --silent-after 2h --max-lag 1min --within 1h'],
  audit: ['pik audit --since 1d', 'pik audit --value user_123'],
  replays: ['pik replays --limit 5'],
  'dead-letters': ['pik dead-letters', 'pik dead-letters --redrive'],
  history: ['pik history --metric daily_event_count --key user_123'],
  compute: ['pik compute --metric daily_event_count --key user_123 --window 2026-02-01 --as-of 2026-02-02'],
  completion: ['source <(pik completion bash)'],
};

/** Adds the examples to the help of the commands. */
export function addExamples(program: Command): void {
  const add = (command: Command, name: string) => {
    const examples = EXAMPLES[name];
    if (examples !== undefined)
      command.addHelpText('after', `\nExamples:\n${examples.map((one) => `  ${one}`).join('\n')}`);
    for (const inner of command.commands) add(inner, `${name} ${inner.name()}`);
  };
  for (const command of program.commands) add(command, command.name());
}

/** The examples of a command by its name, such as `tap redis`. */
export function examplesOf(name: string): readonly string[] {
  return EXAMPLES[name] ?? [];
}
