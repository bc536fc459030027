import {
  BatchGetItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type QueryCommandInput,
  ScanCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { inParallel } from '../../ports/in-parallel.ts';
import type { Calls, Deadline } from './calls.ts';
import { type Item, readText, text } from './values.ts';

/** The key of a row. */
export interface Key {
  readonly pk: string;
  readonly sk: string;
}

/** The condition of a write. */
export interface Condition {
  readonly expression: string;
  readonly names?: Readonly<Record<string, string>>;
  readonly values?: Item;
}

/** The result of a write: the row that a put replaced or an update produced, or the row that violated the condition. */
export type WriteResult =
  | { readonly done: true; readonly row: Item | null }
  | { readonly done: false; readonly row: Item };

/** A range of one partition, both bounds included; `beyond` is the exclusive end of an earlier page. */
export interface RowRange {
  readonly pk: string;
  readonly from?: string;
  readonly to?: string;
  readonly beyond?: string | null;
  readonly descending?: boolean;
  readonly limit?: number;
  /** Only these attributes, and the key. */
  readonly only?: readonly string[];
}

/** A page of rows, and the `sk` up to which the range has been read; null at its end. */
export interface RowPage {
  readonly rows: readonly Item[];
  readonly reached: string | null;
}

/** One table; every read is consistent. Each method sends one request and retries transient errors. */
export interface Table {
  readonly name: string;
  get(deadline: Deadline, key: Key): Promise<Item | null>;
  /** Rows of many keys, unordered; keys that one request leaves unprocessed are requested again. */
  getMany(deadline: Deadline, keys: readonly Key[]): Promise<Item[]>;
  put(deadline: Deadline, item: Item, condition?: Condition): Promise<WriteResult>;
  update(deadline: Deadline, key: Key, change: Change): Promise<WriteResult>;
  /**
   * Puts one row and updates another in one transaction; returns which of the two conditions failed first. Safe to repeat
   * if the first condition fails once the row exists.
   */
  putWith(
    deadline: Deadline,
    put: PutParts,
    change: Change & { key: Key },
  ): Promise<'done' | 'put refused' | 'change refused'>;
  /** One page of a range. An empty page need not be the last one. */
  query(deadline: Deadline, range: RowRange): Promise<RowPage>;
  /** One page of the whole table. */
  scan(deadline: Deadline, after: Key | null, only: readonly string[]): Promise<{ rows: Item[]; next: Key | null }>;
}

/** A row, and the condition for writing it. */
export interface PutParts {
  readonly item: Item;
  readonly condition?: Condition;
}

/** An update of a row. */
export interface Change extends Condition {
  /** An update expression. */
  readonly update: string;
}

/** The most keys of one BatchGetItem. */
const KEYS_PER_CALL = 100;
const BATCHES_AT_ONCE = 8;

/** A table of that name. */
export function createTable(client: DynamoDBClient, name: string, calls: Calls): Table {
  const at = { client, name, calls };
  return {
    name,
    get: (deadline, key) => get(at, deadline, key),
    getMany: (deadline, keys) => getMany(at, deadline, keys),
    put: (deadline, item, condition) => put(at, deadline, condition === undefined ? { item } : { item, condition }),
    update: (deadline, key, change) => update(at, deadline, { ...change, key }),
    putWith: (deadline, parts, change) => putWith(at, deadline, { parts, change }),
    query: (deadline, range) => query(at, deadline, range),
    scan: (deadline, after, only) => scan(at, deadline, { after, only }),
  };
}

interface At {
  readonly client: DynamoDBClient;
  readonly name: string;
  readonly calls: Calls;
}

async function get({ client, name, calls }: At, deadline: Deadline, key: Key): Promise<Item | null> {
  const command = new GetItemCommand({ TableName: name, Key: keyItem(key), ConsistentRead: true });
  const answer = await calls.send(deadline, (options) => client.send(command, options));
  return answer.Item ?? null;
}

async function getMany(at: At, deadline: Deadline, keys: readonly Key[]): Promise<Item[]> {
  const groups: Key[][] = [];
  for (let start = 0; start < keys.length; start += KEYS_PER_CALL)
    groups.push(keys.slice(start, start + KEYS_PER_CALL));
  const found = await inParallel(groups, (group) => getGroup(at, deadline, group), BATCHES_AT_ONCE);
  return found.flat();
}

async function getGroup({ client, name, calls }: At, deadline: Deadline, keys: readonly Key[]): Promise<Item[]> {
  const rows: Item[] = [];
  let open: Item[] = keys.map(keyItem);
  for (let attempts = 1; open.length > 0; attempts++) {
    const command = new BatchGetItemCommand({ RequestItems: { [name]: { Keys: open, ConsistentRead: true } } });
    const answer = await calls.send(deadline, (options) => client.send(command, options));
    for (const one of answer.Responses?.[name] ?? []) rows.push(one);
    open = answer.UnprocessedKeys?.[name]?.Keys ?? [];
    if (open.length > 0 && !(await calls.pause(deadline, attempts))) throw leftOut(open.length);
  }
  return rows;
}

function leftOut(keys: number): Error {
  const error = new Error(`${keys} keys were left out again and again`);
  return Object.assign(error, { name: 'ThrottlingException', $metadata: {} });
}

async function put(
  { client, name, calls }: At,
  deadline: Deadline,
  { item, condition }: PutParts,
): Promise<WriteResult> {
  const command = new PutItemCommand({
    TableName: name,
    Item: item,
    ...conditionInput(condition, true),
    ReturnValues: 'ALL_OLD',
  });
  return writeResult(() => calls.send(deadline, (options) => client.send(command, options)));
}

async function update(
  { client, name, calls }: At,
  deadline: Deadline,
  change: Change & { key: Key },
): Promise<WriteResult> {
  const command = new UpdateItemCommand({
    TableName: name,
    ...updateInput(change),
    ...conditionInput(change, true),
    ReturnValues: 'ALL_NEW',
  });
  return writeResult(() => calls.send(deadline, (options) => client.send(command, options)));
}

function updateInput({ key, update: expression }: Change & { key: Key }) {
  return { Key: keyItem(key), UpdateExpression: expression };
}

async function putWith(
  { client, name, calls }: At,
  deadline: Deadline,
  { parts, change }: { parts: PutParts; change: Change & { key: Key } },
): Promise<'done' | 'put refused' | 'change refused'> {
  const command = new TransactWriteItemsCommand({
    TransactItems: [
      { Put: { TableName: name, Item: parts.item, ...conditionInput(parts.condition, false) } },
      { Update: { TableName: name, ...updateInput(change), ...conditionInput(change, false) } },
    ],
  });
  for (let attempts = 1; ; attempts++) {
    try {
      await calls.send(deadline, (options) => client.send(command, options));
      return 'done';
    } catch (error) {
      const reasons = reasonsOf(error);
      if (reasons?.[0] === 'ConditionalCheckFailed') return 'put refused';
      if (reasons?.[1] === 'ConditionalCheckFailed') return 'change refused';
      // Another transaction or write touched one of the rows; the SDK calls that final, but it is transient.
      const passes = reasons?.some((reason) => PASSING_REASONS.has(reason)) ?? false;
      if (!passes || !(await calls.pause(deadline, attempts))) throw error;
    }
  }
}

const PASSING_REASONS = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded']);

/** The reason for each write of a cancelled transaction, in order; null for another error. */
function reasonsOf(error: unknown): string[] | null {
  const { name, CancellationReasons: reasons } = error as { name?: string; CancellationReasons?: { Code?: string }[] };
  if (name !== 'TransactionCanceledException') return null;
  return (reasons ?? []).map(({ Code = 'None' }) => Code);
}

/**
 * A failed condition returns the stored row. It may be our own row from an earlier attempt whose answer was lost: the caller
 * recognizes it by its content.
 */
async function writeResult(write: () => Promise<{ Attributes?: Item | undefined }>): Promise<WriteResult> {
  try {
    return { done: true, row: (await write()).Attributes ?? null };
  } catch (error) {
    const { name, Item: row } = error as { name?: string; Item?: Item };
    if (name !== 'ConditionalCheckFailedException') throw error;
    return { done: false, row: row ?? {} };
  }
}

function conditionInput(condition: Condition | undefined, bringRow: boolean) {
  if (condition === undefined) return {};
  const { expression, names, values } = condition;
  return {
    ...(expression === '' ? {} : { ConditionExpression: expression }),
    ...(names === undefined ? {} : { ExpressionAttributeNames: { ...names } }),
    ...(values === undefined ? {} : { ExpressionAttributeValues: values }),
    ...(bringRow && expression !== '' ? { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const } : {}),
  };
}

async function query({ client, name, calls }: At, deadline: Deadline, range: RowRange): Promise<RowPage> {
  const input = rangeInput(range);
  if (input === null) return { rows: [], reached: null };
  const command = new QueryCommand({ TableName: name, ConsistentRead: true, ...input });
  const answer = await calls.send(deadline, (options) => client.send(command, options));
  const last = answer.LastEvaluatedKey;
  return { rows: answer.Items ?? [], reached: last === undefined ? null : readText(last, 'sk') };
}

/** Bounds below and above all of our sort keys, which are ASCII. */
const LEAST = '\u0001';
const MOST = '\u007f';

const least = (a: string, b: string) => (a < b ? a : b);
const most = (a: string, b: string) => (a > b ? a : b);

/** A bound between this key and all smaller ones of ours: no key contains the largest character. */
function justBelow(sk: string): string {
  const last = sk.charCodeAt(sk.length - 1);
  return last > 1 ? `${sk.slice(0, -1)}${String.fromCharCode(last - 1)}${MOST}` : LEAST;
}

function rangeInput(range: RowRange): Partial<QueryCommandInput> | null {
  const { pk, beyond = null, descending = false, limit, only } = range;
  let { from = LEAST, to = MOST } = range;
  if (beyond !== null && descending) to = least(to, justBelow(beyond));
  if (beyond !== null && !descending) from = most(from, beyond + LEAST);
  // DynamoDB refuses a range that ends before it starts.
  if (from > to) return null;
  return {
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    ExpressionAttributeValues: { ':pk': text(pk), ':from': text(from), ':to': text(to) },
    ...(descending ? { ScanIndexForward: false } : {}),
    ...(limit === undefined ? {} : { Limit: limit }),
    ...(only === undefined ? {} : { ProjectionExpression: ['pk', 'sk', ...only].join(', ') }),
  };
}

async function scan(
  { client, name, calls }: At,
  deadline: Deadline,
  { after, only }: { after: Key | null; only: readonly string[] },
): Promise<{ rows: Item[]; next: Key | null }> {
  const command = new ScanCommand({
    TableName: name,
    ConsistentRead: true,
    ProjectionExpression: ['pk', 'sk', ...only].join(', '),
    ...(after === null ? {} : { ExclusiveStartKey: keyItem(after) }),
  });
  const answer = await calls.send(deadline, (options) => client.send(command, options));
  const last = answer.LastEvaluatedKey;
  return {
    rows: answer.Items ?? [],
    next: last === undefined ? null : { pk: readText(last, 'pk'), sk: readText(last, 'sk') },
  };
}

/** The first row of a range; null if it is empty. */
export async function firstRow(table: Table, deadline: Deadline, range: RowRange): Promise<Item | null> {
  let beyond: string | null = null;
  do {
    const page = await table.query(deadline, { ...range, beyond, limit: 1 });
    const [row] = page.rows;
    if (row !== undefined) return row;
    beyond = page.reached;
  } while (beyond !== null);
  return null;
}

/** A key as attributes. */
export function keyItem({ pk, sk }: Key): Item {
  return { pk: text(pk), sk: text(sk) };
}
