import type { StampClient } from '@pik/engine';
import { withoutCredentials } from '@pik/schema';

import { post } from './post.ts';

/** A time stamp authority behind HTTP (RFC 3161, 3.4). */
export function stampClient(url: string): StampClient {
  return {
    name: withoutCredentials(url),
    async post(request) {
      const response = await post(url, request, 'application/timestamp-query');
      if (!response.ok) throw new Error(`the authority answered ${response.status}`);
      return new Uint8Array(await response.arrayBuffer());
    },
  };
}
