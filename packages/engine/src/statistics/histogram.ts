import { ByteReader, ByteWriter } from '../runtime/rules/bytes.ts';

/**
 * A histogram of signed milliseconds. Buckets are decimal and log-linear, at most 1 % wide, and hold `(edge, next edge]`:
 * so a count strictly above a threshold is exact if the threshold is an edge, as all common ones are (1 s, 1 min,
 * 1 h, 2 h, 6 h, 12 h, 24 h, 48 h, 7 d, 30 d), and a percentile is within 1 %. Count, sum and extremes are exact.
 * Based on HdrHistogram (Tene), with decimal instead of binary steps.
 */
export interface Histogram {
  count: number;
  sum: number;
  /** The sum of the positive values only: the delay, which early values must not offset. */
  delay: number;
  min: number;
  max: number;
  /** Count by bucket number; negative numbers for negative values, 0 for 0. */
  readonly buckets: Map<number, number>;
}

/** The version of the encoded form. */
const VERSION = 1;
/** Up to this value each millisecond has its own bucket. */
const LINEAR_MAX = 1_000;

/** Creates an empty histogram. */
export function createHistogram(): Histogram {
  return {
    count: 0,
    sum: 0,
    delay: 0,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY,
    buckets: new Map(),
  };
}

/** Adds a value `count` times. */
export function addTo(histogram: Histogram, value: number, count = 1): void {
  const bucket = bucketOf(value);
  histogram.buckets.set(bucket, (histogram.buckets.get(bucket) ?? 0) + count);
  histogram.count += count;
  histogram.sum += value * count;
  if (value > 0) histogram.delay += value * count;
  if (value < histogram.min) histogram.min = value;
  if (value > histogram.max) histogram.max = value;
}

/** Adds all values of another histogram. */
export function mergeInto(target: Histogram, other: Histogram): void {
  for (const [bucket, count] of other.buckets) target.buckets.set(bucket, (target.buckets.get(bucket) ?? 0) + count);
  target.count += other.count;
  target.sum += other.sum;
  target.delay += other.delay;
  target.min = Math.min(target.min, other.min);
  target.max = Math.max(target.max, other.max);
}

interface Scale {
  /** The width of a bucket of this decade. */
  readonly step: number;
  /** The first bucket number of the decade, minus the steps below it. */
  readonly base: number;
}

/** One scale per decade [10^k, 10^(k+1)): each step is ten times the previous one; from 10^8 on steps are a fifth of that. */
const SCALES: readonly Scale[] = buildScales();

function buildScales(): Scale[] {
  const scales: Scale[] = [];
  let base = 0;
  for (let k = 0; k <= 15; k++) {
    const step = k < 3 ? 1 : k <= 7 ? 10 ** (k - 2) : 2 * 10 ** (k - 3);
    if (k >= 3) {
      const before = scales[k - 1] as Scale;
      base = before.base + 10 ** k / before.step - 10 ** k / step;
    }
    scales.push({ step, base });
  }
  return scales;
}

/** The scale of a value above the linear part. A bucket that ends at 10^k belongs to the decade below. */
function scaleOf(value: number): Scale {
  let k = 3;
  for (let bound = 10_000; value > bound && k < 15; bound *= 10) k += 1;
  return SCALES[k] as Scale;
}

function bucketOf(value: number): number {
  if (value < 0) return -positiveBucket(-value, Math.floor);
  return positiveBucket(value, Math.ceil);
}

/** The bucket number of a size. Positive buckets end at their edge and negative ones start there, so both are `(edge, next]`. */
function positiveBucket(size: number, round: (x: number) => number): number {
  if (size <= LINEAR_MAX) return size;
  const { step, base } = scaleOf(size);
  return base + round(size / step);
}

/** The upper end of a bucket: the edge farther from zero if it is positive, nearer to zero if it is negative. */
function upperEdge(bucket: number): number {
  if (bucket < 0) return -edgeAt(-bucket);
  return edgeAt(bucket);
}

function edgeAt(bucket: number): number {
  if (bucket <= LINEAR_MAX) return bucket;
  for (let k = 3; k <= 15; k++) {
    const { step, base } = SCALES[k] as Scale;
    if (k === 15 || bucket <= base + 10 ** (k + 1) / step) return (bucket - base) * step;
  }
  return Number.POSITIVE_INFINITY;
}

/** The middle of the bucket of a value: within half a percent of it. */
export function nearValue(value: number): number {
  return middleOf(bucketOf(value));
}

/** A value within half a percent of all values in a bucket, and never outside the histogram's extremes. */
function bucketMiddle(bucket: number, { min, max }: Pick<Histogram, 'min' | 'max'>): number {
  return Math.min(max, Math.max(min, middleOf(bucket)));
}

/** The middle of a bucket: within half a percent of all values in it. */
export function middleOf(bucket: number): number {
  // The bucket that ends at -1 s begins 10 ms below it.
  if (bucket > -LINEAR_MAX && bucket <= LINEAR_MAX) return bucket;
  return (upperEdge(bucket) + upperEdge(bucket - 1)) / 2;
}

/**
 * The value at rank ⌈q · count⌉ (nearest rank), within 1 %, never outside the extremes; 0 if the histogram is empty.
 * q from 0 to 1.
 */
export function quantile(histogram: Histogram, q: number): number {
  if (histogram.count === 0) return 0;
  const rank = Math.max(1, Math.ceil(q * histogram.count));
  if (rank === 1) return histogram.min;
  if (rank === histogram.count) return histogram.max;
  let seen = 0;
  for (const bucket of [...histogram.buckets.keys()].sort((a, b) => a - b)) {
    seen += histogram.buckets.get(bucket) ?? 0;
    if (seen >= rank) return bucketMiddle(bucket, histogram);
  }
  return histogram.max;
}

/** Counts the values strictly above a threshold; `exact` unless the threshold splits a bucket that has values. */
export function countOver(histogram: Histogram, threshold: number): { count: number; exact: boolean } {
  const parted = bucketOf(threshold);
  let count = 0;
  for (const [bucket, n] of histogram.buckets) if (bucket > parted) count += n;
  return { count, exact: isEdge(threshold) || !histogram.buckets.has(parted) };
}

/** Count and sum of the values in the buckets from `low` to `high`; the sum is within half a percent. */
export function sumBetween(histogram: Histogram, low: number, high: number): { count: number; sum: number } {
  const [from, to] = [bucketOf(low), bucketOf(high)];
  let count = 0;
  let sum = 0;
  for (const [bucket, n] of histogram.buckets) {
    if (bucket < from || bucket > to) continue;
    count += n;
    sum += n * bucketMiddle(bucket, histogram);
  }
  return { count, sum };
}

/** Counts the values that are at least `value` or share its bucket: never too few. */
export function countFrom(histogram: Histogram, value: number): number {
  const own = bucketOf(value);
  let count = 0;
  for (const [bucket, n] of histogram.buckets) if (bucket >= own) count += n;
  return count;
}

/** True if a count above the threshold is always exact. */
export function isEdge(threshold: number): boolean {
  return upperEdge(bucketOf(threshold)) === threshold;
}

/** Encodes a histogram compactly: counts by ascending bucket, with bucket numbers as differences. */
export function encodeHistogram(histogram: Histogram): Uint8Array {
  const out = new ByteWriter();
  out.uint(VERSION);
  out.uint(histogram.count);
  if (histogram.count === 0) return out.done();
  out.int(histogram.min);
  out.uint(histogram.max - histogram.min);
  out.int(histogram.sum);
  out.uint(histogram.delay);
  let last = 0;
  for (const bucket of [...histogram.buckets.keys()].sort((a, b) => a - b)) {
    out.int(bucket - last);
    out.uint(histogram.buckets.get(bucket) ?? 0);
    last = bucket;
  }
  return out.done();
}

/** Decodes a histogram. Throws a RangeError if the bytes are malformed. */
export function decodeHistogram(bytes: Uint8Array): Histogram {
  const input = new ByteReader(bytes);
  const histogram = createHistogram();
  if (input.uint() !== VERSION) throw new RangeError('a histogram of an unknown version');
  histogram.count = input.uint();
  if (histogram.count === 0) return histogram;
  histogram.min = input.int();
  histogram.max = histogram.min + input.uint();
  histogram.sum = input.int();
  histogram.delay = input.uint();
  for (let bucket = 0; !input.atEnd; ) {
    bucket += input.int();
    histogram.buckets.set(bucket, input.uint());
  }
  return histogram;
}
