import { createHash } from 'node:crypto';

import type {
  GetObjectCommandInput,
  HeadObjectCommandInput,
  ListObjectsV2CommandInput,
  PutObjectCommandInput,
} from '@aws-sdk/client-s3';

import { serviceError } from './service-error.ts';
import { compareUtf8, placeAfter } from './utf8-order.ts';

/** S3 in memory: one bucket whose policy forbids overwriting objects. */
export interface FakeS3 {
  readonly objects: Map<string, Uint8Array>;
  readonly habits: {
    /** Maximum number of keys in a page of a listing. */
    pageKeys: number;
    /** Returns an empty page with a token before each page with keys. */
    emptyPages: boolean;
    /** Whether S3 stores the checksums of uploaded objects. */
    keepsChecksums: boolean;
  };
  handle(command: string, input: object): object;
  /** A download that breaks off, or has a flipped bit. */
  handleDamaged(command: string, input: object, how: 'short' | 'flipped'): object | null;
}

/** An empty bucket. */
export function createFakeS3(bucket: string): FakeS3 {
  const objects = new Objects();
  const habits = { pageKeys: 1_000, emptyPages: false, keepsChecksums: true };
  const world = { objects, habits, passed: new Set<string>() };
  return {
    objects,
    habits,
    handle(command, input) {
      // The answer to HEAD has no body, so its error has no code: a missing bucket looks like a missing object.
      if ((input as { Bucket?: string }).Bucket !== bucket)
        throw serviceError(command === 'HeadObjectCommand' ? 'NotFound' : 'NoSuchBucket', 404);
      if (command === 'PutObjectCommand') return put(world, input as PutObjectCommandInput);
      if (command === 'GetObjectCommand') return get(world, input as GetObjectCommandInput);
      if (command === 'HeadObjectCommand') return head(world, input as HeadObjectCommandInput);
      if (command === 'ListObjectsV2Command') return list(world, input as ListObjectsV2CommandInput);
      throw new Error(`the fake of S3 does not know ${command}`);
    },
    handleDamaged(command, input, how) {
      if (command !== 'GetObjectCommand') return null;
      return get(world, input as GetObjectCommandInput, (bytes) => damaged(bytes, how));
    },
  };
}

/** Objects by key. Keeps the order of its keys for the next listing: most are of one page of many. */
class Objects extends Map<string, Uint8Array> {
  #sorted: readonly string[] | null = null;

  override set(key: string, bytes: Uint8Array): this {
    this.#sorted = null;
    return super.set(key, bytes);
  }

  override delete(key: string): boolean {
    this.#sorted = null;
    return super.delete(key);
  }

  override clear(): void {
    this.#sorted = null;
    super.clear();
  }

  /** The keys in the order of a listing. */
  sorted(): readonly string[] {
    this.#sorted ??= [...this.keys()].sort(compareUtf8);
    return this.#sorted;
  }
}

interface World {
  readonly objects: Objects;
  readonly habits: FakeS3['habits'];
  readonly passed: Set<string>;
}

function put(
  { objects }: World,
  { Key = '', Body, IfNoneMatch, ChecksumSHA256, ContentLength }: PutObjectCommandInput,
): object {
  // The bucket's policy: only conditional writes of new objects are allowed.
  if (IfNoneMatch !== '*') throw serviceError('AccessDenied', 403);
  const bytes = Body as Uint8Array;
  if (ContentLength !== bytes.length || ChecksumSHA256 !== sha256(bytes)) throw serviceError('BadDigest', 400);
  if (objects.has(Key)) throw serviceError('PreconditionFailed', 412);
  objects.set(Key, Uint8Array.from(bytes));
  return {};
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64');
}

function facts({ habits }: World, bytes: Uint8Array, mode: string | undefined) {
  const checksum = habits.keepsChecksums && mode === 'ENABLED' ? { ChecksumSHA256: sha256(bytes) } : {};
  return { ContentLength: bytes.length, ...checksum };
}

function get(
  world: World,
  { Key = '', ChecksumMode }: GetObjectCommandInput,
  change = (bytes: Uint8Array) => bytes,
): object {
  const bytes = world.objects.get(Key);
  if (bytes === undefined) throw serviceError('NoSuchKey', 404);
  const Body = { transformToByteArray: async () => change(Uint8Array.from(bytes)) };
  return { Body, ...facts(world, bytes, ChecksumMode) };
}

function damaged(bytes: Uint8Array, how: 'short' | 'flipped'): Uint8Array {
  if (how === 'short' || bytes.length === 0) return bytes.slice(0, -1);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] as number) ^ 1;
  return bytes;
}

function head(world: World, { Key = '', ChecksumMode }: HeadObjectCommandInput): object {
  const bytes = world.objects.get(Key);
  if (bytes === undefined) throw serviceError('NotFound', 404);
  return facts(world, bytes, ChecksumMode);
}

function list(world: World, input: ListObjectsV2CommandInput): object {
  const { Prefix = '', StartAfter = '', ContinuationToken = StartAfter, MaxKeys = 1_000 } = input;
  const { objects, habits } = world;
  const sorted = objects.sorted();
  const keys = sorted.slice(placeAfter(sorted, ContinuationToken)).filter((key) => key.startsWith(Prefix));
  const passed = world.passed.delete(keys[0] ?? '');
  const empty = habits.emptyPages && keys.length > 0 && !passed;
  if (empty) world.passed.add(keys[0] ?? '');
  const given = empty ? [] : keys.slice(0, Math.min(habits.pageKeys, MaxKeys));
  const more = given.length < keys.length;
  return {
    ...(given.length === 0 ? {} : { Contents: given.map((Key) => ({ Key })) }),
    IsTruncated: more,
    ...(more ? { NextContinuationToken: given.at(-1) ?? ContinuationToken } : {}),
  };
}
