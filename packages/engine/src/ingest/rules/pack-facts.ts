import type { PackedRequest } from '../../ports/rows.ts';

/** The facts that all rows of one pack share. */
export interface PackFacts {
  readonly pack_id: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly requests: readonly PackedRequest[];
  readonly imported: boolean;
  readonly expires_ms: number;
  /** Its number in the order of the log; null if more than one process stores packs. */
  readonly sequence: number | null;
}
