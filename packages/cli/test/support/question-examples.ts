/** A question with examples for its page. */
export interface ShownQuestion {
  /** The command, and the name of the page. */
  readonly name: string;
  /** When to ask it, and how to read the answer. */
  readonly text: string;
  readonly commands: readonly (readonly string[])[];
  /** Name of the method of the investigator. */
  readonly method: string;
}

const RANGE = ['--from', '2026-03-01', '--to', '2026-03-20'];
const METRIC = ['--metric', 'daily_event_count', '--key', 'cart-3'];

/** The pages of `docs/questions`, in the order of their list. */
export const SHOWN: readonly ShownQuestion[] = [
  {
    name: 'status',
    text: 'The first question of a day, and the last. Each alarm says since when, and names the command that shows its evidence. The exit status is 1 while something needs attention.',
    commands: [['status', '--since', '7d', '--include-imported']],
    method: 'ask',
  },
  {
    name: 'lag',
    text: 'When numbers arrive too late to be useful. A group is a source, a type, a day or an hour; the groups with the largest share of the whole delay come first. The column `over 2 h` counts the late events; `--late-over-ms` sets another limit.',
    commands: [
      ['lag', '--by', 'source,event_type', ...RANGE, '--include-imported'],
      ['lag', '--by', 'source', ...RANGE, '--include-imported', '-o', 'csv'],
    ],
    method: 'lag',
  },
  {
    name: 'duplicates',
    text: 'When numbers are too high, or to see how often a producer retries. An event counts once in every value, however often it is repeated; the report says who sends the repeats.',
    commands: [['duplicates', '--from', '2026-03-19', '--to', '2026-03-21', '--include-imported']],
    method: 'duplicates',
  },
  {
    name: 'failures',
    text: 'When records are not accepted as events. Failures are ranked by the lower bound of their rate, so one bad record of three does not come before a hundred of a thousand.',
    commands: [['failures', '--from', '2026-03-19', '--to', '2026-03-21']],
    method: 'failures',
  },
  {
    name: 'rejects',
    text: 'The single receipts behind `failures`. The kit keeps the bytes of each: `GET /receipts/PACK/LINE` returns them, and `pik reingest` sends them again after a fix.',
    commands: [['rejects', '--code', 'TIME_INVALID']],
    method: 'readRejects',
  },
  {
    name: 'gaps',
    text: 'When an hour or a day is missing. The kit learns the cadence of each series, and names the cause of each gap. It lists a series with too little history as one that it cannot judge.',
    commands: [['gaps', '--grain', 'hour', ...RANGE, '--include-imported']],
    method: 'gaps',
  },
  {
    name: 'completeness',
    text: 'Before you use the numbers of a day: how much of it has arrived, judged by earlier days, and when it will be complete.',
    commands: [['completeness', '--from', '2026-03-12', '--to', '2026-03-20', '--include-imported']],
    method: 'completeness',
  },
  {
    name: 'find',
    text: 'When you have an order number, a trace id or a piece of text. It searches every receipt, rejected ones too, the last stored first, and prints each match when it finds it.',
    commands: [
      ['find', 'payload.order_id = "o-250"', '--include', 'body'],
      ['find', 'outcome = REJECTED'],
    ],
    method: 'find',
  },
  {
    name: 'compare',
    text: 'When one group of receipts differs from another, and nobody knows how. It tries every member of the payloads, and says how much more often a condition holds in the first group; the p value is corrected for everything that was tried.',
    commands: [['compare', '--a', 'outcome = DUPLICATE', '--from', '2026-03-19', '--to', '2026-03-21']],
    method: 'compare',
  },
  {
    name: 'schema',
    text: 'To see what payloads look like, member by member, and what has changed in them (`--drift-from`).',
    commands: [['schema', '--source', 'shop', '--from', '2026-03-19', '--to', '2026-03-21']],
    method: 'schema',
  },
  {
    name: 'events',
    text: 'Everything that happened to one entity, in order of event time.',
    commands: [['events', '--entity', 'cart-3', '--from', '2026-03-19', '--to', '2026-03-20']],
    method: 'readEvents',
  },
  {
    name: 'explain',
    text: 'The story of one event: when it happened and was received, how late it was for its series, its repeats, whether its bytes are unchanged, and the values that count it. For an event that is missing, it says why.',
    commands: [
      ['explain', '--entity', 'cart-3', '--time', '2026-03-19T10:00:00Z'],
      ['explain', '--entity', 'cart-99', '--time', '2026-03-19T10:00:00Z'],
    ],
    method: 'explainEvent',
  },
  {
    name: 'explain-change',
    text: 'When a number on a report changed. It names the classes of events that were added, removed or changed, with the share of each in the difference, and then the events.',
    commands: [['explain', 'change', ...METRIC, '--window', '2026-03-10', '--from', '2026-03-11', '--to', 'now']],
    method: 'explainChange',
  },
  {
    name: 'compute',
    text: 'A value from all of its events, now or as of a receive time. It writes nothing.',
    commands: [
      ['compute', ...METRIC, '--window', '2026-03-10'],
      ['compute', ...METRIC, '--window', '2026-03-10', '--as-of', '2026-03-11'],
    ],
    method: 'computeAggregate',
  },
  {
    name: 'replay',
    text: 'Before a replay: what would it send, and what would change? With `--reason` instead of `--dry-run`, the replay is done and recorded.',
    commands: [['replay', '--entity', 'cart-3', '--from', '2026-03-10', '--to', '2026-03-11', '--dry-run']],
    method: 'planReplay',
  },
  {
    name: 'history',
    text: 'The versions of a value: what was known, and when. Replays make versions.',
    commands: [['history', ...METRIC]],
    method: 'getAggregateHistory',
  },
  {
    name: 'verify',
    text: 'When nobody trusts the data. It reads the log again, and compares hashes, outcomes and rows. Keep the digest elsewhere: it reveals a later change.',
    commands: [['verify']],
    method: 'readVerification',
  },
];

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** The present of the examples. */
export const NOW_MS = Date.UTC(2026, 2, 20, 12);
const FIRST_MS = Date.UTC(2026, 1, 20);

/**
 * A month of a shop: an order every ten minutes, with a silent morning and a slow day, and payments from a webhook that repeats some
 * deliveries. Each with its own receive time.
 */
export function shopRecords(): string[] {
  const records: object[] = [];
  for (let n = 0; FIRST_MS + n * 10 * MINUTE < Date.UTC(2026, 2, 20); n++) {
    const ms = FIRST_MS + n * 10 * MINUTE;
    const day = new Date(ms).getUTCDate();
    const hour = new Date(ms).getUTCHours();
    const isMarch = new Date(ms).getUTCMonth() === 2;
    if (isMarch && day === 16 && hour >= 6 && hour < 11) continue;
    const isSlow = isMarch && day === 10 && n % 3 === 0;
    const order_id = `o-${n}`;
    const entity_id = `cart-${n % 7}`;
    const order = {
      source: 'shop',
      event_type: 'order.placed',
      entity_id,
      event_time: at(ms),
      received_at: at(ms + (isSlow ? 2 * DAY : 2_000 + (n % 5) * 500)),
      payload: { order_id, total_cents: 1_000 + ((n * 37) % 900) },
    };
    records.push(order);
    if (n % 4 === 0)
      records.push({
        ...order,
        source: 'payments',
        event_type: 'payment.captured',
        received_at: at(ms + 40_000),
        payload: { order_id },
      });
  }
  return byReceipt(records);
}

/** Orders of the last hour, received now: one release sends each of its orders twice, and one sends times that are not RFC 3339. */
export function freshRecords(): string[] {
  const records = Array.from({ length: 60 }, (_, n) => ({
    source: 'shop',
    event_type: 'order.placed',
    entity_id: `cart-${n % 7}`,
    event_time: at(NOW_MS - (60 - n) * MINUTE),
    payload: { order_id: `n-${n}`, total_cents: 1_000 + n, release: n % 3 === 0 ? '2.4.0' : '2.3.1' },
  }));
  const repeats = records.filter(({ payload }) => payload.release === '2.4.0');
  const broken = [1, 2, 3].map((n) => ({ ...records[n], event_time: 'yesterday' }));
  return [...records, ...repeats, ...broken].map((one) => JSON.stringify(one));
}

const at = (ms: number) => new Date(ms).toISOString();

function byReceipt(records: readonly object[]): string[] {
  const received = (one: object) => String(Reflect.get(one, 'received_at'));
  return [...records].sort((a, b) => (received(a) < received(b) ? -1 : 1)).map((one) => JSON.stringify(one));
}
