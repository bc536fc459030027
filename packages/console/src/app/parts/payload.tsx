import { printable } from '@pik/render/format';
import { useState } from 'preact/hooks';

/** The received bytes of a record: as received, and laid out if they are JSON. */
export function Bytes({ text }: { readonly text: string }) {
  const [isRaw, setRaw] = useState(false);
  const laidOut = laidOutText(text);
  return (
    <>
      {laidOut !== null && (
        <p class="row">
          <span class="tabs">
            <button type="button" aria-pressed={!isRaw} onClick={() => setRaw(false)}>
              Laid out
            </button>
            <button type="button" aria-pressed={isRaw} onClick={() => setRaw(true)}>
              As received
            </button>
          </span>
          <span class="dim">{new TextEncoder().encode(text).length.toLocaleString('en-US')} bytes</span>
        </p>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a keyboard scrolls it. */}
      <pre class="code" tabIndex={0}>
        {isRaw || laidOut === null ? visible(text) : laidOut}
      </pre>
    </>
  );
}

/** Line breaks stay; characters that would hide or reorder text become visible. */
function visible(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** The same text with line breaks, token by token, so that no number or name changes; null if it is not JSON. */
function laidOutText(text: string): string | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  let depth = 0;
  let out = '';
  tokens.forEach((token, index) => {
    const next = tokens[index + 1];
    const isOpening = token === '{' || token === '[';
    const isClosing = token === '}' || token === ']';
    if (isClosing) depth -= 1;
    if (isClosing && tokens[index - 1] !== '{' && tokens[index - 1] !== '[') out += `\n${'  '.repeat(depth)}`;
    out += token === ':' ? ': ' : visible(token);
    if (isOpening) depth += 1;
    if ((isOpening && next !== '}' && next !== ']') || token === ',') out += `\n${'  '.repeat(depth)}`;
  });
  return out;
}
