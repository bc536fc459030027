/** The facts that all rows of one request share. */
export interface PackFacts {
  readonly pack_id: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly request_id: string;
  readonly principal: string | null;
  readonly imported: boolean;
  readonly expires_ms: number;
  /** Its number in the order of the log; null if more than one process stores packs. */
  readonly sequence: number | null;
}
