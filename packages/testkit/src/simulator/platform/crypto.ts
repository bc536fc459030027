import { crypto } from './timers.ts';

// In place of `node:crypto` in a build for the simulator: the same, except for what is random.

export {
  createCipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';

/** As of `node:crypto`. */
export function randomBytes(size: number): Buffer {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(size)));
}

/** As of `node:crypto`. */
export function randomUUID(): string {
  return crypto.randomUUID();
}

/** As of `node:crypto`. */
export function randomInt(end: number): number {
  return randomBytes(4).readUInt32LE() % end;
}
