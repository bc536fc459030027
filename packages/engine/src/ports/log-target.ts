/** A place out of reach where copies of the signed log are kept: files by path, in the form of C2SP `tlog-tiles`. */
export interface LogTarget {
  /** Names the target in log lines and metrics; holds no credentials. */
  readonly name: string;
  /** The bytes of a file; null if it does not exist, or if the target cannot be read. */
  read(path: string): Promise<Uint8Array | null>;
  /** Stores files in this order; the checkpoint comes last and replaces the one before. */
  write(files: readonly { readonly path: string; readonly bytes: Uint8Array }[]): Promise<void>;
}
