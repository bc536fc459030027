import { withoutCredentials } from '@pik/schema';

/** Masking shorter secrets would blank out ordinary words. */
const SECRET_CHARS_MIN = 6;

/**
 * Masks credentials in a message: the keys given to this process, anything in the form of a kit key, users, passwords
 * and queries in URLs, and the values of `--option=value` arguments, which may be keys after a misspelt option name.
 */
export function withoutSecrets(text: string): string {
  let shown = withoutCredentials(text);
  for (const secret of givenKeys()) shown = shown.replaceAll(secret, '…');
  return shown
    .replace(/[^\s'":]+:[^\s'"]+@(?=\S)/g, '…@')
    .replace(/\bpik_[\w-]{16,}/g, 'pik_…')
    .replace(/(\bhttps?:[^\s?#]*[?#])\S+/gi, '$1…')
    .replace(/(--?[\w-]+=)[^'\s]+/g, '$1…');
}

const kept = new Set<string>();

/** Masks this secret too, from now on: a key that is neither an argument nor a variable. */
export function keepSecret(secret: string): void {
  kept.add(secret);
}

function givenKeys(): string[] {
  const { argv, env } = process;
  const given = argv.flatMap((arg, i) => {
    if (arg === '--api-key') return argv[i + 1] ?? [];
    return arg.startsWith('--api-key=') ? arg.slice('--api-key='.length) : [];
  });
  return [...given, ...kept, env.PIK_API_KEY ?? '']
    .map((key) => key.trim())
    .filter(({ length }) => length >= SECRET_CHARS_MIN);
}
