import type { StampClient } from '@pik/engine';
import { withoutCredentials } from '@pik/schema';

const TIMEOUT_MS = 10_000;

/** A time stamp authority behind HTTP (RFC 3161, 3.4). */
export function stampClient(url: string): StampClient {
  return {
    name: withoutCredentials(url),
    async post(request) {
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/timestamp-query' },
        body: new Uint8Array(request),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (!response.ok) throw new Error(`the authority answered ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
