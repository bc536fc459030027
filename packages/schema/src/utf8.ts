interface HostBuffer {
  from(buffer: ArrayBufferLike, offset: number, length: number): { toString(encoding: 'utf8'): string };
}

let encoder: TextEncoder | null = null;
let decoder: TextDecoder | null = null;

/**
 * A text as UTF-8; a lone surrogate becomes U+FFFD. Looks up the platform's encoder at the call, because test
 * environments such as Jest's jsdom have none.
 */
export function utf8Bytes(text: string): Uint8Array<ArrayBuffer> {
  if (typeof TextEncoder === 'undefined') return encodedJs(text);
  encoder ??= new TextEncoder();
  return encoder.encode(text);
}

/** UTF-8 as text; invalid bytes become U+FFFD. */
export function utf8Text(bytes: Uint8Array): string {
  if (typeof TextDecoder === 'undefined') return decodedByHost(bytes);
  decoder ??= new TextDecoder();
  return decoder.decode(bytes);
}

function encodedJs(text: string): Uint8Array<ArrayBuffer> {
  const escaped = encodeURIComponent(text.toWellFormed());
  const bytes: number[] = [];
  for (let i = 0; i < escaped.length; i++) {
    if (escaped[i] !== '%') bytes.push(escaped.charCodeAt(i));
    else {
      bytes.push(Number.parseInt(escaped.slice(i + 1, i + 3), 16));
      i += 2;
    }
  }
  return Uint8Array.from(bytes);
}

/** Without a decoder, this is Node running a page. */
function decodedByHost({ buffer, byteOffset, byteLength }: Uint8Array): string {
  const { Buffer } = globalThis as unknown as { Buffer?: HostBuffer | undefined };
  if (Buffer === undefined) throw new ReferenceError('this environment has neither TextDecoder nor Buffer');
  return Buffer.from(buffer, byteOffset, byteLength).toString('utf8');
}
