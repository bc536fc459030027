import { runs } from '@pik/testkit/budget';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { hasSigned, newKeyText, parseKeyText } from '../../src/signed-log/keys.ts';
import {
  checkpointText,
  noteText,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
  signatureLine,
} from '../../src/signed-log/rules/note.ts';

// The example of the specification of signed notes.
const EXAMPLE_KEY = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
const EXAMPLE = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`;

function parsed(text: string) {
  const note = parseNote(text);
  if (note === null) throw new Error('not a note');
  return note;
}

describe('a signed note', () => {
  it('of the specification is verified', () => {
    const key = parseVerifierKey(EXAMPLE_KEY);
    expect(key).toMatchObject({ name: 'PeterNeumann', id: 'c74f20a3', type: 1 });
    expect(hasSigned(key, parsed(EXAMPLE))).toBe(true);
    expect(hasSigned(key, parsed(EXAMPLE.replace('problem is', 'problem was')))).toBe(false);
    expect(hasSigned({ ...key, id: 'c74f20a4' }, parsed(EXAMPLE))).toBe(false);
  });

  it('that is signed is verified, and no change of a byte is', () => {
    const key = parseKeyText(newKeyText('example.com/log'));
    const text = checkpointText({ origin: 'example.com/log', size: 7, root: new Uint8Array(32).fill(9) });
    const note = noteText(text, [signatureLine(key.verifier, key.sign(new TextEncoder().encode(text)))]);
    expect(hasSigned(parseVerifierKey(key.verifier.text), parsed(note))).toBe(true);
    const bytes = new TextEncoder().encode(note);
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.map((byte, at) => (at === i ? byte ^ 1 : byte));
      const other = parseNote(new TextDecoder().decode(changed));
      expect(other !== null && hasSigned(key.verifier, other), `byte ${i}`).toBe(false);
    }
  });

  it('keys are read as they were written, and damaged ones are refused', () => {
    const text = newKeyText('a-log');
    expect(parseKeyText(`${text}\n`).verifier.name).toBe('a-log');
    for (const damaged of ['', text.slice(0, -2), text.replace('a-log', 'b-log'), `X${text}`])
      expect(() => parseKeyText(damaged)).toThrow(expect.objectContaining({ code: 'LOG_KEY_UNUSABLE' }));
    for (const damaged of ['', 'a+b', EXAMPLE_KEY.slice(0, -1), EXAMPLE_KEY.replace('c7', 'c8'), `${EXAMPLE_KEY}+x`])
      expect(() => parseVerifierKey(damaged)).toThrow(expect.objectContaining({ code: 'LOG_KEY_INVALID' }));
  });

  it('checkpoints are read as they were written', () => {
    const sizes = fc.maxSafeNat();
    fc.assert(
      fc.property(sizes, fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, root) => {
        expect(parseCheckpoint(checkpointText({ origin: 'o', size, root }))).toEqual({ origin: 'o', size, root });
      }),
      runs(100),
    );
    for (const text of ['', 'o\n1\n', 'o\n01\nAAAA\n', '\n1\nAAAA\n', 'o\n1\nAAAA\n'])
      expect(parseCheckpoint(text)).toBeNull();
  });
});
