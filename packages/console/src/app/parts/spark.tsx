import { type Axis, grainMs } from './axis.ts';

const WIDTH = 112;
const HEIGHT = 22;
const BARS_MAX = 56;

/** The volume of a series over the axis that all rows share; each row has its own height. */
export function Spark(props: {
  readonly axis: Axis | null;
  readonly values: readonly { readonly startMs: number; readonly count: number }[];
}) {
  const { axis, values } = props;
  if (axis === null || values.length === 0) return <span class="dim">–</span>;
  const cells = Math.max(1, Math.ceil((axis.endMs - axis.startMs) / grainMs(axis)));
  const bars = Math.min(cells, BARS_MAX);
  const sums = new Array<number>(bars).fill(0);
  for (const { startMs, count } of values) {
    const at = Math.floor(((startMs - axis.startMs) / (axis.endMs - axis.startMs)) * bars);
    const bar = Math.min(bars - 1, Math.max(0, at));
    sums[bar] = (sums[bar] ?? 0) + count;
  }
  const most = sums.reduce((a, b) => Math.max(a, b), 1);
  const step = WIDTH / bars;
  return (
    <svg
      class="spark"
      width={WIDTH}
      height={HEIGHT}
      role="img"
      aria-label={`volume, at most ${most.toLocaleString('en-US')} at a time`}
    >
      {sums.map((sum, index) => {
        const height = sum === 0 ? 0 : Math.max(1.5, (sum / most) * HEIGHT);
        return (
          <rect key={`${index}`} x={index * step} y={HEIGHT - height} width={Math.max(1, step - 1)} height={height} />
        );
      })}
    </svg>
  );
}
