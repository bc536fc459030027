import type { ListedInput } from './window-input.ts';

/** One input of a version, with where its bytes lay. */
export interface ManifestInput extends ListedInput {
  readonly pack_id: string;
  readonly line: number;
}

/** One chunk of a manifest in several. */
export interface ManifestChunk {
  readonly key: string;
  readonly inputs: number;
  /** Event time and id of its first input: chunks lie in this order. */
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
/** The last twelve bits of an id: one event in 4,096 may end a chunk, so that chunks hold about 10,000 inputs. */
const BOUNDARY = '000';

/**
 * Whether a chunk of so many inputs ends with this one. Events themselves mark the bounds, by the end of their ids, so that an input which comes
 * later changes the one chunk it falls into and versions share the others (content-defined chunking; Muthitacharoen,
 * Chen and Mazières, "A Low-bandwidth Network File System", SOSP 2001).
 */
export function endsChunk(size: number, lastId: string): boolean {
  return size >= CHUNK_INPUTS_MAX || (size >= CHUNK_INPUTS_MIN && lastId.endsWith(BOUNDARY));
}

/** One line of a chunk. */
export function manifestLine(input: ManifestInput): string {
  const { event_id, payload_hash, event_time, received_at, pack_id, line } = input;
  return `["${event_id}","${payload_hash}","${event_time}","${received_at}","${pack_id}",${line}]\n`;
}

/** The inputs of a chunk's text. Throws a SyntaxError where it is not one. */
export function parseManifestLines(text: string): ManifestInput[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new SyntaxError('the last line is not ended');
  return lines.map((text) => {
    const fields = JSON.parse(text) as unknown;
    if (!Array.isArray(fields) || fields.length !== 6) throw new SyntaxError('a line has not six fields');
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
