import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

/**
 * Compares an answer with the one kept under a name in a file next to this one. `PIK_UPDATE=1` writes the answers of the code
 * to the file: read the difference before you commit it.
 */
export function pins(file: string): (name: string, answer: unknown) => void {
  const path = join(import.meta.dirname, file);
  const isUpdate = process.env.PIK_UPDATE === '1';
  const kept: Record<string, unknown> = isUpdate ? {} : JSON.parse(readFileSync(path, 'utf8'));
  return (name, answer) => {
    const plain: unknown = JSON.parse(JSON.stringify(answer));
    if (isUpdate) {
      kept[name] = plain;
      const lines = Object.entries(kept).map(([key, value]) => `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`);
      writeFileSync(path, `{\n${lines.join(',\n')}\n}\n`);
    }
    expect(plain).toEqual(kept[name]);
  };
}

/** A number to nine digits, as text: sums may differ in their last digits, and NaN and infinity stay what they are. */
export const digits = (value: number): string => value.toPrecision(9);
