const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
];

/** A duration in its two largest units, such as `2 h 5 min`, with a sign if it is negative. */
export function durationText(ms: number): string {
  let rest = Math.abs(ms);
  const sign = ms < 0 ? '−' : '';
  if (rest < 1_000) return `${sign}${Math.round(rest)} ms`;
  const first = UNITS.findIndex(([, size]) => rest >= size);
  const parts: string[] = [];
  for (const [name, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return sign + parts.join(' ');
}
