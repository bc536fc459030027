/** A field of a message: a number, or the bytes of a text, of bytes or of another message. */
export interface ProtoField {
  readonly number: number;
  /** For a variable or a fixed length of eight bytes. */
  readonly value: bigint;
  /** Empty for a number. */
  readonly bytes: Uint8Array;
}

/** Bytes that are not a message. */
export class ProtoError extends Error {}

/** The fields of a protobuf message in order, as in the encoding's specification; groups, which are deprecated, are refused. */
export function* protoFields(message: Uint8Array): Generator<ProtoField> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = message[at];
      if (byte === undefined) throw new ProtoError('the message is cut short');
      at += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new ProtoError('a number is longer than ten bytes');
  };
  const take = (length: number) => {
    if (length > message.length - at) throw new ProtoError('the message is cut short');
    at += length;
    return at - length;
  };
  const none = new Uint8Array();
  while (at < message.length) {
    const tag = varint();
    const number = Number(tag >> 3n);
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, value: varint(), bytes: none };
        break;
      case 1:
        yield { number, value: view.getBigUint64(take(8), true), bytes: none };
        break;
      case 2: {
        const length = Number(varint());
        const start = take(length);
        yield { number, value: 0n, bytes: message.subarray(start, start + length) };
        break;
      }
      case 5:
        yield { number, value: BigInt(view.getUint32(take(4), true)), bytes: none };
        break;
      default:
        throw new ProtoError('the message has a field of an unknown kind');
    }
  }
}
