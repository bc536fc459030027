import { parseVerifierKey, type WitnessClient } from '@pik/engine';

import { post } from './post.ts';

/** A witness that is asked to sign each checkpoint. */
export interface LogWitness {
  /** The URL before `/add-checkpoint`. */
  readonly url: string;
  /** Its key, as verifiers name it. */
  readonly key: string;
}

/** A witness behind HTTP (C2SP `tlog-witness`). Throws `LOG_KEY_INVALID`. */
export function witnessClient({ url, key }: LogWitness): WitnessClient {
  return {
    key: parseVerifierKey(key),
    async post(body) {
      const response = await post(`${url.replace(/\/$/, '')}/add-checkpoint`, body);
      return { status: response.status, body: await response.text() };
    },
  };
}
