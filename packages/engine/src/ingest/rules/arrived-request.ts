import type { LightRecord, ParsedRecord } from './parse-record.ts';

/** The lines of a request as bytes, without their heads (`LineRest`). */
export interface RequestLines {
  /** The bytes of its records as received. */
  readonly recordBytes: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** By record: where its facts start, and where its body starts. */
  readonly places: Int32Array<ArrayBuffer>;
}

/** The records of a request: parsed by this thread, or by another one, which has also made the lines of its pack. */
export type RequestParts =
  | { readonly records: readonly ParsedRecord[]; readonly lines: null }
  | { readonly records: readonly LightRecord[]; readonly lines: RequestLines };

/** A parsed request that waits to be stored. */
export type ArrivedRequest = RequestParts & {
  readonly requestId: string;
  readonly principal: string | null;
  readonly imported: boolean;
  readonly receivedMs: number;
  readonly receipts: number;
  /** The bytes of its records. */
  readonly bytes: number;
  /** True for an import: its lines are admitted by the times that they claim, which those of a neighbour would disturb. */
  readonly alone: boolean;
};
