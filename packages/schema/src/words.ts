// Counts and durations in words, apart from everything else of the schema: the first page of the console loads them alone.
export { counted } from './counted.ts';
export { durationText } from './duration.ts';
