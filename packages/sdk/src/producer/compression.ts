import { hostModule } from '@pik/schema/events';

type Bytes = Uint8Array<ArrayBuffer>;

/** The part of `node:zlib` that is used. */
interface NodeZlib {
  gzipSync(data: Uint8Array, options: object): Bytes;
  gunzipSync(data: Uint8Array): Bytes;
  gzip(data: Uint8Array, options: object, done: (error: Error | null, zipped: Bytes) => void): void;
}

/** The lowest level: events are so repetitive that higher levels save little and take twice as long. */
const LEVEL = 1;
/** Holds a compressed batch in one chunk: each further chunk costs a turn of the thread pool. */
const CHUNK_BYTES = 32 * 1024;

/** Up to this size, compressing is faster than a round trip to another thread: a third of a millisecond. */
const SYNC_BYTES_MAX = 256 * 1024;

/** Compresses and decompresses; large data on another thread. */
export interface Compression {
  readonly gzip: (data: Bytes) => Promise<Bytes> | Bytes;
  readonly gunzip: (data: Bytes) => Promise<Bytes> | Bytes;
}

/**
 * Node's zlib at its fastest level, or the platform's `CompressionStream`, which has no level. Null if the host has
 * neither.
 */
export function findCompression(): Compression | null {
  const zlib = hostModule<NodeZlib>('node:zlib');
  if (typeof zlib?.gzip === 'function') return { gzip: nativeGzip(zlib), gunzip: (data) => zlib.gunzipSync(data) };
  if (typeof CompressionStream === 'undefined') return null;
  return {
    gzip: (data) => through(data, new CompressionStream('gzip')),
    gunzip: (data) => through(data, new DecompressionStream('gzip')),
  };
}

async function through(data: Bytes, stream: CompressionStream | DecompressionStream): Promise<Bytes> {
  return new Uint8Array(await new Response(new Blob([data]).stream().pipeThrough(stream)).arrayBuffer());
}

function nativeGzip(zlib: NodeZlib): Compression['gzip'] {
  const options = { level: LEVEL, chunkSize: CHUNK_BYTES };
  return (data) => {
    if (data.length <= SYNC_BYTES_MAX) return zlib.gzipSync(data, options);
    return new Promise((resolve, reject) => {
      zlib.gzip(data, options, (error, zipped) => (error === null ? resolve(zipped) : reject(error)));
    });
  };
}
