const TIMEOUT_MS = 10_000;

/** Posts to a service that keeps, stamps or signs checkpoints. Follows no redirect, and gives up after ten seconds. */
export function post(url: string, body: Uint8Array | string, contentType?: string): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    ...(contentType === undefined ? {} : { headers: { 'content-type': contentType } }),
    body: typeof body === 'string' ? body : new Uint8Array(body),
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
}
