import type { ListedInput } from './window-input.ts';

/** One input of a version, with the address of its bytes. */
export interface ManifestInput extends ListedInput {
  readonly pack_id: string;
  readonly line: number;
}

/** A chunk of a manifest that has several. */
export interface ManifestChunk {
  readonly key: string;
  readonly inputs: number;
  /** Event time and id of its first input: chunks are in this order. */
  readonly first: readonly [event_time: string, event_id: string];
}

/** The object that names the chunks of a manifest. */
export interface ManifestRoot {
  readonly manifest: 1;
  readonly inputs: number;
  readonly chunks: readonly ManifestChunk[];
}

const CHUNK_INPUTS_MIN = 6_000;
const CHUNK_INPUTS_MAX = 20_000;
/** An id that ends in these twelve bits may end a chunk: one in 4,096, so that chunks hold about 10,000 inputs. */
const BOUNDARY = '000';

/**
 * Returns whether a chunk of `size` inputs ends with this one. The ids of events mark the ends of chunks, so that an input
 * that arrives later changes only the chunk that it falls into, and versions share the others (content-defined chunking;
 * Muthitacharoen, Chen and Mazières, "A Low-bandwidth Network File System", SOSP 2001).
 */
export function endsChunk(size: number, lastId: string): boolean {
  return size >= CHUNK_INPUTS_MAX || (size >= CHUNK_INPUTS_MIN && lastId.endsWith(BOUNDARY));
}

/** One line of a chunk. */
export function manifestLine(input: ManifestInput): string {
  const { event_id, payload_hash, event_time, received_at, pack_id, line } = input;
  return `["${event_id}","${payload_hash}","${event_time}","${received_at}","${pack_id}",${line}]\n`;
}

/** Parses the text of a chunk. Throws a SyntaxError if it is malformed. */
export function parseManifestLines(text: string): ManifestInput[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new SyntaxError('the last line has no line break');
  return lines.map((text) => {
    const fields: unknown = JSON.parse(text);
    if (!Array.isArray(fields) || fields.length !== 6) throw new SyntaxError('a line does not have six fields');
    const [event_id, payload_hash, event_time, received_at, pack_id, line] = fields as [
      string,
      string,
      string,
      string,
      string,
      number,
    ];
    return { event_id, payload_hash, event_time, received_at, pack_id, line };
  });
}
