import type { IngestRequest } from '../../api/pipeline.ts';
import type { RequestParts } from './arrived-request.ts';

/** A request split into records and parsed. */
export type ParsedRequest = RequestParts & {
  /** True if the body was one value, not a list, and gets a single answer. */
  readonly single: boolean;
  /** True if the body could not be split; its only record is the whole body. */
  readonly unreadable: boolean;
};

/** A live request for another thread to parse. The signature of a webhook is already checked. */
export type ParseOrder = Pick<IngestRequest, 'body' | 'format' | 'wire' | 'receivedMs' | 'principal'>;

/** Threads that parse requests. */
export interface Parsers {
  /** False while no thread can take a request. */
  readonly isUsable: boolean;
  /** Throws what parsing throws, and `PARSER_LOST`. */
  parse(order: ParseOrder): Promise<ParsedRequest>;
}
