/** The files of one key index, in a folder of their own. Reads are synchronous, since a look-up is part of a transaction. */
export interface KeyFiles {
  /** The names of all files; none if the folder does not exist yet. */
  list(): string[];
  /** The bytes of a small file; null if it is missing. */
  read(name: string): Uint8Array | null;
  open(name: string): ReadableFile;
  /** Creates a file that must not exist yet, and the folder if need be. */
  create(name: string): Promise<WritableFile>;
  /** Gives a file another name, in place of any file that has it. */
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  /** Makes the names in the folder durable. */
  syncFolder(): Promise<void>;
}

/** A file that never changes. */
export interface ReadableFile {
  /** In bytes. */
  readonly size: number;
  /** Fills `into` from a position on; throws if the file ends before. */
  read(into: Uint8Array, position: number): void;
  close(): void;
}

/** A file that is being written from start to end. */
export interface WritableFile {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes everything written so far durable. A failure is final for this file. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
