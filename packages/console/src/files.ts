/** A file of the console. */
export interface ConsoleFile {
  /** Its content type. */
  readonly type: string;
  readonly text: string;
}
