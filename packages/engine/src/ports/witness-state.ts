/** A size and the root of a log. */
export interface WitnessedRoot {
  readonly size: number;
  readonly root: Uint8Array;
}

/** The newest checkpoint of each log that a witness has signed. */
export interface WitnessState {
  /** Null for a log that it has never signed. */
  read(origin: string): Promise<WitnessedRoot | null>;
  /** Durable on return. */
  write(checkpoint: WitnessedRoot & { readonly origin: string }): Promise<void>;
}
