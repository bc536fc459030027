/** File formats recognised by their first bytes, and how to convert them. */
const FOREIGN: readonly (readonly [bytes: readonly number[], text: string])[] = [
  [[0xff, 0xfe], 'is UTF-16: convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8'],
  [[0xfe, 0xff], 'is UTF-16: convert it to UTF-8, for example with iconv -f UTF-16 -t UTF-8'],
  [[0x50, 0x4b, 0x03, 0x04], 'is a zip archive: unpack it, for example with unzip -p'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'is compressed with zstd: unpack it, for example with zstd -dc'],
  [[0x42, 0x5a, 0x68], 'is compressed with bzip2: unpack it, for example with bzip2 -dc'],
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a], 'is compressed with xz: unpack it, for example with xz -dc'],
  [[0x50, 0x41, 0x52, 0x31], 'is Parquet: convert its rows to JSON, one per line'],
  [[0x4f, 0x62, 0x6a, 0x01], 'is Avro: convert its records to JSON, one per line'],
  [[0x1f, 0x8b], 'is gzip inside gzip: unpack it once, with gzip -dc'],
];

/** Names a known non-JSON format and how to convert it; null if the first bytes match none. */
export function foreignForm(sample: Uint8Array): string | null {
  return FOREIGN.find(([bytes]) => bytes.every((byte, i) => sample[i] === byte))?.[1] ?? null;
}
