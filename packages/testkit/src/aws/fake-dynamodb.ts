import type {
  AttributeValue,
  BatchGetItemCommandInput,
  GetItemCommandInput,
  PutItemCommandInput,
  QueryCommandInput,
  ScanCommandInput,
  TransactWriteItemsCommandInput,
  UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';

import {
  type FakeItem,
  type Parsed,
  parseCondition,
  parseProjection,
  parseUpdate,
  type Substitutes,
  type Test,
} from './expressions.ts';
import { createFakeTable, type FakeKey, type FakeTable, keyOf } from './fake-table.ts';
import { itemBytes, readUnits, writeUnits } from './item-size.ts';
import { serviceError } from './service-error.ts';
import { compareUtf8 } from './utf8-order.ts';

/** The capacity units that a request consumed. */
export interface Units {
  read: number;
  write: number;
}

/** The answers of a fake table where DynamoDB has a choice. */
export interface DynamoDBHabits {
  /** Maximum number of rows in a page of a query or scan. */
  pageRows: number;
  /** Returns an empty page with a key before each page with rows. */
  emptyPages: boolean;
  /** The last page with rows has a key too; an empty page follows. */
  lastKeyAlways: boolean;
  /** Eventually consistent reads miss the latest writes. */
  staleReads: boolean;
}

/** DynamoDB in memory: tables with `pk` and `sk`, the requests and the expressions that the backend uses. */
export interface FakeDynamoDB {
  readonly tables: ReadonlyMap<string, FakeTable>;
  readonly habits: DynamoDBHabits;
  /** Answers a request; adds the consumed units to `units`, even if its condition fails. */
  handle(command: string, input: object, units: Units): object;
  /** Handles half of a batch and returns the rest as unprocessed. */
  handlePart(command: string, input: object, units: Units): object | null;
}

const ITEM_BYTES_MAX = 400 * 1024;
const PAGE_BYTES_MAX = 1024 * 1024;

/** Empty tables of these names. */
export function createFakeDynamoDB(names: readonly string[]): FakeDynamoDB {
  const habits = { pageRows: Number.POSITIVE_INFINITY, emptyPages: false, lastKeyAlways: false, staleReads: false };
  const tables = new Map(names.map((name) => [name, createFakeTable()]));
  const world: World = { tables, habits, passed: new Set() };
  return {
    tables,
    habits,
    handle(command, input, units) {
      const request = REQUESTS[command as keyof typeof REQUESTS] as Request | undefined;
      if (request === undefined) throw new Error(`the fake of DynamoDB does not know ${command}`);
      return request(world, input, units);
    },
    handlePart(command, input, units) {
      if (command !== 'BatchGetItemCommand') return null;
      return batchGetPart(world, input as BatchGetItemCommandInput, units);
    },
  };
}

interface World {
  readonly tables: Map<string, FakeTable>;
  readonly habits: DynamoDBHabits;
  /** Rows before which an empty page was returned; the next page has them. */
  readonly passed: Set<string>;
}

type Request = (world: World, input: object, units: Units) => object;

const REQUESTS = {
  GetItemCommand: get,
  BatchGetItemCommand: batchGet,
  PutItemCommand: (world: World, input: PutItemCommandInput, units: Units) => write(world, input, units),
  UpdateItemCommand: (world: World, input: UpdateItemCommandInput, units: Units) => write(world, input, units),
  TransactWriteItemsCommand: transact,
  QueryCommand: query,
  ScanCommand: scan,
};

function invalid(why: string): Error {
  return Object.assign(serviceError('ValidationException', 400), { message: why });
}

/** Throws on input that this fake does not support, which it would otherwise ignore silently. */
function expectOnly(input: object, known: readonly string[]): void {
  const unknown = Object.keys(input).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`the fake of DynamoDB does not know ${unknown.join(', ')}`);
}

function tableOf({ tables }: World, name: string | undefined): FakeTable {
  const table = tables.get(name ?? '');
  if (table === undefined) throw serviceError('ResourceNotFoundException', 400);
  return table;
}

function parsed<T>(
  parse: (expression: string, substitutes: Substitutes) => Parsed<T>,
  expression: string,
  substitutes: Substitutes,
): T {
  try {
    return parse(expression, substitutes).result;
  } catch (error) {
    throw invalid((error as Error).message);
  }
}

/** DynamoDB refuses names and values that no expression uses. */
function expectUsed(
  expressions: readonly (readonly [
    typeof parseCondition | typeof parseUpdate | typeof parseProjection,
    string | undefined,
  ])[],
  substitutes: Substitutes,
): void {
  const used = new Set<string>();
  for (const [parse, expression] of expressions)
    if (expression !== undefined) for (const name of parse(expression, substitutes).used) used.add(name);
  const given = [...Object.keys(substitutes.names ?? {}), ...Object.keys(substitutes.values ?? {})];
  const unused = given.filter((name) => !used.has(name));
  if (unused.length > 0) throw invalid(`not used: ${unused.join(', ')}`);
}

function get(world: World, input: GetItemCommandInput, units: Units): object {
  expectOnly(input, ['TableName', 'Key', 'ConsistentRead']);
  const item = read(
    world,
    tableOf(world, input.TableName),
    { key: input.Key, consistent: input.ConsistentRead },
    units,
  );
  return item === undefined ? {} : { Item: item };
}

function read(
  { habits }: World,
  table: FakeTable,
  { key, consistent = false }: { key: FakeItem | undefined; consistent?: boolean | undefined },
  units: Units,
): FakeItem | undefined {
  const item = table.get(keyOf(key), !consistent && habits.staleReads);
  units.read += readUnits(item === undefined ? 0 : itemBytes(item), consistent);
  return item;
}

function batchGet(world: World, input: BatchGetItemCommandInput, units: Units): object {
  expectOnly(input, ['RequestItems']);
  const Responses: Record<string, FakeItem[]> = {};
  for (const [name, asked] of Object.entries(input.RequestItems ?? {})) {
    expectOnly(asked, ['Keys', 'ConsistentRead']);
    const keys = asked.Keys ?? [];
    if (keys.length === 0 || keys.length > 100) throw invalid('1 to 100 keys');
    if (new Set(keys.map((key) => JSON.stringify(key))).size < keys.length) throw invalid('a key twice');
    const table = tableOf(world, name);
    const found = keys.map((key) => read(world, table, { key, consistent: asked.ConsistentRead }, units));
    Responses[name] = found.filter((item) => item !== undefined).reverse();
  }
  return { Responses, UnprocessedKeys: {} };
}

function batchGetPart(world: World, input: BatchGetItemCommandInput, units: Units): object {
  const [[name, asked] = []] = Object.entries(input.RequestItems ?? {});
  const keys = asked?.Keys ?? [];
  const half = Math.floor(keys.length / 2);
  const rest = { [name ?? '']: { ...asked, Keys: keys.slice(half) } };
  if (half === 0) return { Responses: {}, UnprocessedKeys: rest };
  const part = { RequestItems: { [name ?? '']: { ...asked, Keys: keys.slice(0, half) } } };
  return { ...batchGet(world, part, units), UnprocessedKeys: rest };
}

/** The fields that a put and an update share. */
interface WriteInput {
  readonly TableName?: string | undefined;
  readonly Item?: FakeItem | undefined;
  readonly Key?: FakeItem | undefined;
  readonly UpdateExpression?: string | undefined;
  readonly ConditionExpression?: string | undefined;
  readonly ExpressionAttributeNames?: Record<string, string> | undefined;
  readonly ExpressionAttributeValues?: Record<string, AttributeValue> | undefined;
  readonly ReturnValues?: string | undefined;
  readonly ReturnValuesOnConditionCheckFailure?: string | undefined;
}

interface Prepared {
  readonly table: FakeTable;
  readonly before: FakeItem | undefined;
  readonly after: FakeItem;
  readonly allowed: boolean;
  readonly units: number;
}

const WRITE_FIELDS = [
  'TableName',
  'Item',
  'Key',
  'UpdateExpression',
  'ConditionExpression',
  'ExpressionAttributeNames',
  'ExpressionAttributeValues',
  'ReturnValues',
  'ReturnValuesOnConditionCheckFailure',
];

function prepare(world: World, input: WriteInput): Prepared {
  expectOnly(input, WRITE_FIELDS);
  const table = tableOf(world, input.TableName);
  const substitutes = { names: input.ExpressionAttributeNames, values: input.ExpressionAttributeValues };
  const { ConditionExpression: condition, UpdateExpression: update } = input;
  expectUsed(
    [
      [parseCondition, condition],
      [parseUpdate, update],
    ],
    substitutes,
  );
  const before = table.get(keyOf(input.Item ?? input.Key), false);
  const allowed = condition === undefined || parsed<Test>(parseCondition, condition, substitutes)(before ?? {});
  const changed = update === undefined ? null : parsed(parseUpdate, update, substitutes);
  const after = changed === null ? { ...input.Item } : changed(before ?? { ...input.Key });
  checkItem(after);
  const sizes = [itemBytes(before ?? {}), allowed ? itemBytes(after) : 0];
  return { table, before, after, allowed, units: writeUnits(...sizes) };
}

function checkItem(item: FakeItem): void {
  if (itemBytes(item) > ITEM_BYTES_MAX) throw invalid('a row is larger than 400 KB');
  const { pk, sk } = keyOf(item);
  if (Buffer.byteLength(pk) > 2048 || Buffer.byteLength(sk) > 1024) throw invalid('a key is too long');
  for (const [name, { N }] of Object.entries(item)) {
    if (N !== undefined && !/^-?\d{1,38}$/.test(N)) throw invalid(`${name} is not a number: ${N}`);
  }
}

function write(world: World, input: WriteInput, units: Units): object {
  const { table, before, after, allowed, units: used } = prepare(world, input);
  units.write += used;
  if (!allowed) {
    const brought =
      input.ReturnValuesOnConditionCheckFailure === 'ALL_OLD' && before !== undefined ? { Item: before } : {};
    throw serviceError('ConditionalCheckFailedException', 400, brought);
  }
  table.put(after);
  if (input.ReturnValues === 'ALL_NEW') return { Attributes: after };
  return input.ReturnValues === 'ALL_OLD' && before !== undefined ? { Attributes: before } : {};
}

function transact(world: World, input: TransactWriteItemsCommandInput, units: Units): object {
  expectOnly(input, ['TransactItems']);
  const writes = (input.TransactItems ?? []).map((item) => prepare(world, (item.Put ?? item.Update) as WriteInput));
  for (const { units: used } of writes) units.write += 2 * used;
  if (writes.every(({ allowed }) => allowed)) {
    for (const { table, after } of writes) table.put(after);
    return {};
  }
  const CancellationReasons = writes.map(({ allowed }) => ({ Code: allowed ? 'None' : 'ConditionalCheckFailed' }));
  throw serviceError('TransactionCanceledException', 400, { CancellationReasons });
}

function query(world: World, input: QueryCommandInput, units: Units): object {
  expectOnly(input, [
    'TableName',
    'ConsistentRead',
    'KeyConditionExpression',
    'ExpressionAttributeNames',
    'ExpressionAttributeValues',
    'ScanIndexForward',
    'Limit',
    'ProjectionExpression',
  ]);
  const substitutes = { names: input.ExpressionAttributeNames, values: input.ExpressionAttributeValues };
  const { KeyConditionExpression: condition = '', ProjectionExpression: projection, Limit } = input;
  expectUsed(
    [
      [parseCondition, condition],
      [parseProjection, projection],
    ],
    substitutes,
  );
  const pk = /^pk = (:\w+)/.exec(condition)?.[1];
  if (pk === undefined) throw invalid('a query names its partition first');
  if (Limit !== undefined && Limit < 1) throw invalid('Limit is at least 1');
  const test = parsed<Test>(parseCondition, condition, substitutes);
  const stale = input.ConsistentRead !== true && world.habits.staleReads;
  const rows = tableOf(world, input.TableName)
    .partition(substitutes.values?.[pk]?.S ?? '', stale)
    .filter(test);
  if (input.ScanIndexForward === false) rows.reverse();
  const descending = input.ScanIndexForward === false;
  return page(world, rows, { ...pageOptions(input, substitutes), limit: Limit, descending }, units);
}

function scan(world: World, input: ScanCommandInput, units: Units): object {
  expectOnly(input, ['TableName', 'ConsistentRead', 'ProjectionExpression', 'ExclusiveStartKey']);
  const rows = tableOf(world, input.TableName).all();
  const start = input.ExclusiveStartKey === undefined ? null : keyOf(input.ExclusiveStartKey);
  const rest = rows.filter((row) => start === null || comesAfter(keyOf(row), start));
  return page(world, rest, pageOptions(input, {}), units);
}

function comesAfter(a: FakeKey, b: FakeKey): boolean {
  return (compareUtf8(a.pk, b.pk) || compareUtf8(a.sk, b.sk)) > 0;
}

interface PageOptions {
  readonly consistent: boolean;
  readonly only: readonly string[] | null;
  readonly limit?: number | undefined;
  readonly descending?: boolean;
}

function pageOptions(
  {
    ConsistentRead = false,
    ProjectionExpression,
  }: { ConsistentRead?: boolean | undefined; ProjectionExpression?: string | undefined },
  substitutes: Substitutes,
): PageOptions {
  const only = ProjectionExpression === undefined ? null : parsed(parseProjection, ProjectionExpression, substitutes);
  return { consistent: ConsistentRead, only };
}

/** Rows up to the limit, the habit or 1 MB; units count everything that was read, even if it is not returned. */
function page(
  world: World,
  rows: readonly FakeItem[],
  { consistent, only, limit, descending = false }: PageOptions,
  units: Units,
): object {
  const { habits } = world;
  const most = Math.min(limit ?? Number.POSITIVE_INFINITY, habits.pageRows);
  let bytes = 0;
  let count = 0;
  while (count < rows.length && count < most && bytes < PAGE_BYTES_MAX) bytes += itemBytes(rows[count++] as FakeItem);
  units.read += readUnits(bytes, consistent);
  const [first] = rows;
  // Like a filter that removes all rows of a page: the next page has the rows.
  if (habits.emptyPages && first !== undefined && turns(world.passed, JSON.stringify(keyOf(first))))
    return { Items: [], LastEvaluatedKey: nextTo(first, descending) };
  const given = rows.slice(0, count);
  const last = given.at(-1);
  const more = count < rows.length || (habits.lastKeyAlways && last !== undefined);
  return {
    Items: given.map((row) =>
      only === null ? row : Object.fromEntries(Object.entries(row).filter(([name]) => only.includes(name))),
    ),
    ...(more && last !== undefined ? { LastEvaluatedKey: { pk: last.pk, sk: last.sk } } : {}),
  };
}

/** True every other time. */
function turns(passed: Set<string>, name: string): boolean {
  if (passed.delete(name)) return false;
  passed.add(name);
  return true;
}

/** A key just before a row in reading order, like that of a skipped row that does not match. */
function nextTo(row: FakeItem, descending: boolean): FakeItem {
  const { pk, sk } = keyOf(row);
  const end = sk.charCodeAt(sk.length - 1) - 1;
  return { pk: { S: pk }, sk: { S: descending ? `${sk}~` : `${sk.slice(0, -1)}${String.fromCharCode(end)}~` } };
}
