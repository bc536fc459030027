/** A time stamp authority (RFC 3161). */
export interface StampClient {
  /** Names it in log lines; holds no credentials. */
  readonly name: string;
  /** Posts a request, and returns the bytes of the answer. */
  post(request: Uint8Array): Promise<Uint8Array>;
}
