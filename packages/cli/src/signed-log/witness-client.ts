import { parseVerifierKey, type WitnessClient } from '@pik/engine';

/** A witness that is asked to sign each checkpoint. */
export interface LogWitness {
  /** The URL before `/add-checkpoint`. */
  readonly url: string;
  /** Its key, as verifiers name it. */
  readonly key: string;
}

const TIMEOUT_MS = 10_000;

/** A witness behind HTTP (C2SP `tlog-witness`). Throws `LOG_KEY_INVALID`. */
export function witnessClient({ url, key }: LogWitness): WitnessClient {
  return {
    key: parseVerifierKey(key),
    async post(body) {
      const response = await fetch(`${url.replace(/\/$/, '')}/add-checkpoint`, {
        method: 'POST',
        body,
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      return { status: response.status, body: await response.text() };
    },
  };
}
