import type { ChangeExplanation } from '@pik/schema';

import { shortValue, wordOf } from './words.ts';

const ROW = 24;
const WIDTH = 520;
const LEFT = 130;
const RIGHT = 90;

/** A change from the value before to the value after, class by class; nothing if its parts are unknown. */
export function Waterfall({ change: { waterfall } }: { readonly change: ChangeExplanation }) {
  const reached = waterfall.flatMap(({ step, value }) => (value === null ? [] : [{ step, value }]));
  if (reached.length < waterfall.length || reached.length === 0) return null;
  const values = reached.map(({ value }) => value);
  const [least, most] = [values.reduce((a, b) => Math.min(a, b), 0), values.reduce((a, b) => Math.max(a, b), 0)];
  const x = (value: number) => LEFT + ((value - least) / (most - least || 1)) * (WIDTH - LEFT - RIGHT);
  const rows = reached.map(({ step, value }, index) => {
    const isTotal = step === 'BEFORE' || step === 'AFTER';
    const from = isTotal ? 0 : (reached[index - 1]?.value ?? 0);
    return { step, value, from, isTotal, look: isTotal ? '2' : value >= from ? 'up' : 'down' };
  });
  return (
    <svg
      class="waterfall"
      viewBox={`0 0 ${WIDTH} ${rows.length * ROW + 4}`}
      role="img"
      aria-label={rows
        .map(({ step, value, from, isTotal }) => `${wordOf(step)} ${isTotal ? value : value - from}`)
        .join(', ')}
    >
      {rows.map(({ step, value, from, isTotal, look }, index) => (
        <g key={step}>
          <text x={LEFT - 10} y={index * ROW + 16} text-anchor="end">
            {wordOf(step)}
          </text>
          <rect
            class={`s-${look}`}
            x={Math.min(x(from), x(value))}
            y={index * ROW + 4}
            width={Math.max(2, Math.abs(x(value) - x(from)))}
            height={ROW - 8}
          />
          <text class="name" x={Math.max(x(from), x(value)) + 6} y={index * ROW + 16}>
            {isTotal ? shortValue(value) : `${value >= from ? '+' : '−'}${shortValue(Math.abs(value - from))}`}
          </text>
        </g>
      ))}
    </svg>
  );
}
