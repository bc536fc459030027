import { hash } from 'node:crypto';

import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type ErrorCode, KitError } from '@pik/schema';

import type { Calls, Deadline } from './calls.ts';
import { DamagedBytes, statusOf } from './failures.ts';

/** Write-once objects. */
export interface Objects {
  /** Accepts the same bytes under the same key again; refuses other bytes. */
  putOnce(key: string, bytes: Uint8Array): Promise<void>;
  get(key: string): Promise<Uint8Array | null>;
  has(key: string): Promise<boolean>;
  /** Keys of a prefix after a given key, in text order; `more` is false at the end. */
  list(prefix: string, after: string): Promise<{ keys: string[]; more: boolean }>;
}

/** The error codes, which differ between the raw log and other files. */
export interface ObjectErrors {
  readonly exists: ErrorCode;
  readonly corrupt: ErrorCode;
}

interface Store {
  readonly client: S3Client;
  readonly bucket: string;
  readonly calls: Calls;
  readonly errors: ObjectErrors;
}

/** The write-once objects of a bucket. */
export function createObjects(store: Store): Objects {
  const { calls } = store;
  return {
    putOnce: (key, bytes) => calls.run((deadline) => putOnce(store, deadline, { key, bytes })),
    get: (key) => calls.run((deadline) => getChecked(store, deadline, key)),
    has: (key) => calls.run((deadline) => has(store, deadline, key)),
    list: (prefix, after) => calls.run((deadline) => list(store, deadline, { prefix, after })),
  };
}

interface Named {
  readonly key: string;
  readonly bytes: Uint8Array;
}

async function putOnce(store: Store, deadline: Deadline, { key, bytes }: Named): Promise<void> {
  const { client, bucket, calls, errors } = store;
  const sha256 = sha256Of(bytes);
  // With the checksum S3 refuses bytes that were damaged in transit, and stores it for every later read.
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: bytes,
    ContentLength: bytes.length,
    ChecksumSHA256: sha256,
    IfNoneMatch: '*',
  });
  try {
    await calls.send(deadline, (options) => client.send(command, options));
  } catch (error) {
    if (statusOf(error) !== 412) throw error;
    // The key exists: an earlier attempt of ours whose answer was lost, or other bytes.
    if (!(await holds(store, deadline, { key, sha256 })))
      throw new KitError(errors.exists, `other bytes are stored as ${key}`, { cause: error });
  }
}

/** True if the stored object has these bytes: by its checksum, or by its bytes if S3 has no checksum. */
async function holds(store: Store, deadline: Deadline, { key, sha256 }: { key: string; sha256: string }) {
  const known = await head(store, deadline, key);
  if (known === null) throw new DamagedBytes(`${key} exists and cannot be found`);
  if (known.sha256 !== null) return known.sha256 === sha256;
  const bytes = await getChecked(store, deadline, key);
  return bytes !== null && sha256Of(bytes) === sha256;
}

async function head({ client, bucket, calls }: Store, deadline: Deadline, key: string) {
  const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' });
  try {
    const answer = await calls.send(deadline, (options) => client.send(command, options));
    return { sha256: wholeChecksum(answer.ChecksumSHA256) };
  } catch (error) {
    // Without the right to list, S3 answers 403 for a missing object: that proves nothing, and is thrown.
    if (statusOf(error) === 404) return null;
    throw error;
  }
}

/**
 * A response without a body has no error code, so a missing object and a missing bucket look the same. A listing
 * distinguishes them; a role that receives 404 also has the right to list.
 */
async function has(store: Store, deadline: Deadline, key: string): Promise<boolean> {
  if ((await head(store, deadline, key)) !== null) return true;
  const { client, bucket, calls } = store;
  const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: key, MaxKeys: 1 });
  const { Contents = [] } = await calls.send(deadline, (options) => client.send(command, options));
  // The object may have been stored in between.
  return Contents.some(({ Key }) => Key === key);
}

async function getChecked({ client, bucket, calls, errors }: Store, deadline: Deadline, key: string) {
  const command = new GetObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' });
  try {
    return await calls.send(deadline, async (options) => wholeBody(await client.send(command, options), key));
  } catch (error) {
    if ((error as Error).name === 'NoSuchKey') return null;
    if (error instanceof DamagedBytes) throw new KitError(errors.corrupt, error.message, { cause: error });
    throw error;
  }
}

/** The body, if it has the length and the checksum that S3 states; never a part of it. */
async function wholeBody(answer: GetObjectCommandOutput, key: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array(0);
  } catch (cause) {
    throw new DamagedBytes(`${key} could not be read completely`, { cause });
  }
  if (answer.ContentLength !== undefined && answer.ContentLength !== bytes.length)
    throw new DamagedBytes(`${key} came with ${bytes.length} of ${answer.ContentLength} bytes`);
  const sha256 = wholeChecksum(answer.ChecksumSHA256);
  if (sha256 !== null && sha256 !== sha256Of(bytes)) throw new DamagedBytes(`${key} differs from what was stored`);
  return bytes;
}

/** The checksum of a whole object; null for one with a dash, which covers the parts of an upload. */
function wholeChecksum(checksum: string | undefined): string | null {
  return checksum === undefined || checksum.includes('-') ? null : checksum;
}

function sha256Of(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'base64');
}

async function list(
  { client, bucket, calls }: Store,
  deadline: Deadline,
  { prefix, after }: { prefix: string; after: string },
): Promise<{ keys: string[]; more: boolean }> {
  let token: string | undefined;
  for (;;) {
    const start = after === '' ? {} : { StartAfter: after };
    const place = token === undefined ? start : { ContinuationToken: token };
    const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ...place });
    const answer = await calls.send(deadline, (options) => client.send(command, options));
    const keys = (answer.Contents ?? []).map(({ Key }) => Key ?? '');
    token = answer.IsTruncated === true ? answer.NextContinuationToken : undefined;
    // An empty page has no key to continue from.
    if (keys.length > 0 || token === undefined) return { keys, more: token !== undefined };
  }
}
