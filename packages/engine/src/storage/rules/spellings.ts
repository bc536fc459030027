/** The difference between two ids that look the same to a person. */
export type SpellingDifference = 'Unicode form' | 'case' | 'white space around it';

/** Invisible characters around an id. */
const AROUND = [' ', '\u00a0', '\ufeff', '\u200b'] as const;
const EDGES = new RegExp(`^[\\s${AROUND.join('')}]+|[\\s${AROUND.join('')}]+$`, 'g');

/** The id without invisible characters at its ends. */
function trimmed(id: string): string {
  return id.replace(EDGES, '');
}

const CASES: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => text.toLowerCase(),
  (text) => text.toUpperCase(),
  (text) => text.slice(0, 1).toUpperCase() + text.slice(1),
  (text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase(),
  // Each word capitalized, as in names.
  (text) => text.toLowerCase().replace(/(?<![\p{L}\p{N}\p{M}])\p{L}/gu, (letter) => letter.toUpperCase()),
];

const FORMS = ['NFC', 'NFD', 'NFKC', 'NFKD'] as const;

/** Other ids that look the same to a person: by Unicode form, case, and surrounding white space. At most 150. */
export function otherSpellings(id: string): string[] {
  const found = new Set<string>();
  const core = trimmed(id);
  for (const cased of CASES) {
    for (const form of [null, ...FORMS]) {
      const text = form === null ? cased(core) : cased(core.normalize(form)).normalize(form);
      found.add(text);
      for (const space of AROUND) found.add(text + space).add(space + text);
    }
  }
  found.delete(id);
  found.delete('');
  return [...found];
}

/** The differences between two spellings of an id. */
export function spellingDifferences(a: string, b: string): SpellingDifference[] {
  const differences: SpellingDifference[] = [];
  const same = (change: (text: string) => string) => change(a) === change(b);
  const space = trimmed;
  const form = (text: string) => text.normalize('NFKC');
  const lower = (text: string) => text.toLowerCase();
  if (!same((text) => lower(space(text)))) differences.push('Unicode form');
  if (!same((text) => form(space(text)))) differences.push('case');
  if (!same((text) => lower(form(text)))) differences.push('white space around it');
  return differences;
}

/** The Unicode normal form of a text; null if it has none, or if all forms are equal. */
export function formOf(id: string): 'NFC' | 'NFD' | null {
  if (id.normalize('NFC') === id.normalize('NFD')) return null;
  if (id === id.normalize('NFC')) return 'NFC';
  return id === id.normalize('NFD') ? 'NFD' : null;
}
