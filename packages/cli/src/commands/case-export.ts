import { writeFile } from 'node:fs/promises';

import { counted, KitError } from '@pik/schema';

import { type GlobalOptions, investigator, print } from '../session.ts';

/** Writes the proof of an event as a file that can be checked without the server. */
export async function caseExport(
  eventId: string,
  { out, ...options }: GlobalOptions & { readonly out: string },
): Promise<void> {
  const proof = await investigator(options).proveEvent(eventId);
  const text = `${JSON.stringify(proof, null, 2)}\n`;
  const file = tar({ 'case.json': text, 'RECIPE.md': recipe(proof.key) });
  await writeFile(out, file, { flag: 'wx' }).catch((cause) => {
    throw new KitError('FILE_INVALID', `${out} cannot be written, or exists`, { cause });
  });
  print(
    options,
    { out, bytes: file.length, key: proof.key },
    () =>
      `Wrote ${counted(file.length, 'byte')} to ${out}.\nCheck it with: pik verify --case ${out} --key ${proof.key}`,
  );
}

const BLOCK = 512;

/** A tar of texts (POSIX ustar), without times and owners: the same texts give the same bytes. */
function tar(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, text] of Object.entries(files)) {
    const body = Buffer.from(text);
    parts.push(header(name, body.length), body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK));
  }
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function header(name: string, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = (text: string, at: number) => block.write(text, at, 'latin1');
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  put(name, 0);
  put('0000644\0', 100);
  put('0000000\0', 108);
  put('0000000\0', 116);
  put(`${octal(size, 11)}\0`, 124);
  put(`${octal(0, 11)}\0`, 136);
  put('        ', 148);
  put('0', 156);
  put('ustar\x0000', 257);
  let sum = 0;
  for (const byte of block) sum += byte;
  put(`${octal(sum, 6)}\0 `, 148);
  return block;
}

const recipe = (key: string) => `# How to check this case by hand

case.json shows that one line was in a log when its checkpoint was signed. All hashes are SHA-256; \`+\` joins bytes, \`0x00\` is one byte.

1. leaf = SHA-256(0x00 + salt + text). Put it at place \`line\` mod 64 among the hashes of \`group\`: the leaves of its group.
2. group = SHA-256(0x02 + leaves of the group). Its entry in the tree of the pack is SHA-256(0x00 + group), at place \`line\` div 64.
3. Follow \`pack_path\`: SHA-256(0x01 + left + right), as RFC 6962 and RFC 9162, 2.1.3, say, for a tree of ceil(lines / 64) entries. The
   result is the root of the pack; \`outcomes\` has a letter for each line.
4. pack = the text ["pik-pack/1","<pack_id>",<lines>,"<root>","<SHA-256 of outcomes>"], without spaces, hashes in hexadecimal. Follow
   \`hour_path\` from SHA-256(0x00 + pack) at place \`pack_index\` of \`packs\` (in \`entry\`). The result is \`root\` in \`entry\`.
5. Follow \`log_path\` from SHA-256(0x00 + entry) at place \`entry_index\` of the size in the second line of \`checkpoint\`. The result, in
   base64, is its third line.
6. The signature in the last line of \`checkpoint\` is that of Ed25519 over the text above the empty line. The case says that the key is
   ${key}; compare it with the key that you trust.

\`pik verify --case FILE --key KEY\` does the same.
`;
