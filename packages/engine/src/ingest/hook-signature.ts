import { createHmac, timingSafeEqual } from 'node:crypto';

import { type HookSignature, LIMITS, type RejectCode } from '@pik/schema';

/** A delivery before its signature is checked. */
export interface Delivery {
  readonly body: Uint8Array;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly receivedMs: number;
}

/** The reason why a signature does not prove its delivery. */
export interface Refusal {
  readonly code: RejectCode;
  readonly detail: string;
}

/** The parts of a signature. */
interface Signed {
  /** Seconds since 1970; null if the scheme signs no time. */
  readonly seconds: number | null;
  /** The bytes that are signed before those of the body. */
  readonly before: string;
  readonly signatures: readonly string[];
  readonly encoding: 'hex' | 'base64';
}

/** Checks a signature over the bytes of a body as received; null if one of the secrets made it in time. */
export function checkSignature(
  signature: HookSignature,
  secrets: readonly string[],
  delivery: Delivery,
): Refusal | null {
  const signed = signedParts(signature, delivery.headers);
  if (signed === null)
    return { code: 'SIGNATURE_MISSING', detail: `the delivery has no signature of the scheme ${signature.scheme}` };
  const { seconds, before, encoding } = signed;
  const expected = secrets.map((secret) =>
    createHmac('sha256', secretBytes(signature, secret)).update(before).update(delivery.body).digest(),
  );
  const given = signed.signatures.map((text) => Buffer.from(text, encoding));
  if (!expected.some((one) => given.some((other) => other.length === one.length && timingSafeEqual(one, other))))
    return { code: 'SIGNATURE_INVALID', detail: 'no secret of the webhook made this signature of these bytes' };
  if (seconds === null || Math.abs(delivery.receivedMs - seconds * 1_000) <= LIMITS.hook_window_ms) return null;
  const apart = Math.round(Math.abs(delivery.receivedMs / 1_000 - seconds));
  return { code: 'SIGNATURE_EXPIRED', detail: `the delivery was signed ${apart} s before or after its receipt` };
}

function secretBytes({ scheme }: HookSignature, secret: string): string | Buffer {
  return scheme === 'standard' ? Buffer.from(secret.replace(/^whsec_/, ''), 'base64') : secret;
}

function signedParts(signature: HookSignature, headers: Delivery['headers']): Signed | null {
  switch (signature.scheme) {
    case 'standard':
      return standardParts(headers);
    case 'stripe':
      return stripeParts(headers['stripe-signature'] ?? '');
    case 'github':
      return plainParts(headers['x-hub-signature-256'], { prefix: 'sha256=', encoding: 'hex' });
    case 'hmac': {
      const { header, prefix = '', encoding = 'hex' } = signature;
      return plainParts(headers[header.toLowerCase()], { prefix, encoding });
    }
  }
}

/** `webhook-signature: v1,<base64> v1,<base64>` over `id.timestamp.body`; Svix calls the headers by its own name. */
function standardParts(headers: Delivery['headers']): Signed | null {
  const of = (name: string) => headers[`webhook-${name}`] ?? headers[`svix-${name}`] ?? '';
  const [id, time] = [of('id'), of('timestamp')];
  const signatures = of('signature')
    .split(' ')
    .flatMap((one) => (one.startsWith('v1,') ? [one.slice(3)] : []));
  if (id === '' || !/^\d{1,12}$/.test(time) || signatures.length === 0) return null;
  return { seconds: Number(time), before: `${id}.${time}.`, signatures, encoding: 'base64' };
}

/** `stripe-signature: t=<seconds>,v1=<hex>,v1=<hex>` over `t.body`. */
function stripeParts(header: string): Signed | null {
  const pairs = header.split(',').map((pair) => pair.trim().split('='));
  const time = pairs.find(([name]) => name === 't')?.[1] ?? '';
  const signatures = pairs.flatMap(([name, value]) => (name === 'v1' && value !== undefined ? [value] : []));
  if (!/^\d{1,12}$/.test(time) || signatures.length === 0) return null;
  return { seconds: Number(time), before: `${time}.`, signatures, encoding: 'hex' };
}

function plainParts(
  header: string | undefined,
  { prefix, encoding }: { prefix: string; encoding: 'hex' | 'base64' },
): Signed | null {
  if (header === undefined || !header.startsWith(prefix)) return null;
  return { seconds: null, before: '', signatures: [header.slice(prefix.length)], encoding };
}
