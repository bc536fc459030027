import type { ParsedRecord } from './parse-record.ts';

/** A parsed request that waits to be stored. */
export interface ArrivedRequest {
  readonly records: readonly ParsedRecord[];
  readonly requestId: string;
  readonly principal: string | null;
  readonly imported: boolean;
  readonly receivedMs: number;
  readonly receipts: number;
  /** The bytes of its records. */
  readonly bytes: number;
  /** True for an import: its lines are admitted by the times that they claim, which those of a neighbour would disturb. */
  readonly alone: boolean;
}
