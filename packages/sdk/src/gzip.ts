import { hostModule } from '@pik/schema';

type Bytes = Uint8Array<ArrayBuffer>;

/** What is used of `node:zlib`. */
interface NodeZlib {
  gzipSync(data: Uint8Array, options: object): Bytes;
  gzip(data: Uint8Array, options: object, done: (error: Error | null, zipped: Bytes) => void): void;
}

/** The lowest level: events repeat each other so much that higher ones save little and take twice as long. */
const LEVEL = 1;
/** Room for a batch in one piece: each further piece costs a turn of the thread pool. */
const CHUNK_BYTES = 32 * 1024;

/** Up to this size compressing takes less time than handing the work to another thread and coming back: a third of a millisecond. */
const SYNC_BYTES_MAX = 256 * 1024;

/** Compresses, what is large off this thread; null where the host cannot. */
export type Gzip = (data: Bytes) => Promise<Bytes> | Bytes;

/** The host's own compression at its fastest level; on other hosts than Node the platform's stream, which has no level. */
export function findGzip(): Gzip | null {
  const zlib = hostModule<NodeZlib>('node:zlib');
  if (typeof zlib?.gzip === 'function') return nativeGzip(zlib);
  if (typeof CompressionStream === 'undefined') return null;
  return async (data) => {
    const stream = new Blob([data]).stream().pipeThrough(new CompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
}

function nativeGzip(zlib: NodeZlib): Gzip {
  const options = { level: LEVEL, chunkSize: CHUNK_BYTES };
  return (data) => {
    if (data.length <= SYNC_BYTES_MAX) return zlib.gzipSync(data, options);
    return new Promise((resolve, reject) => {
      zlib.gzip(data, options, (error, zipped) => (error === null ? resolve(zipped) : reject(error)));
    });
  };
}
