import { isEventField } from './event-fields.ts';
import type { PointerSteps } from './json-pointer.ts';
import { isBelow, MASKED, type Mask } from './mask.ts';

/** The source and type of a record; null where the record does not say. */
export interface SeriesOf {
  readonly source: string | null;
  readonly event_type: string | null;
}

/**
 * The received text of a record with its masked members as `MASKED`, and every other byte as received. All of it is `MASKED` if the series
 * of the record is not known, or if its series has a mask and it is not an event in the kit's own form.
 */
export function maskRecord(text: string, { source, event_type }: SeriesOf, mask: Mask): string {
  if (source === null || event_type === null) return MASKED;
  const masked = mask.pathsOf(source, event_type);
  if (masked.length === 0) return text;
  const record = parsed(text);
  const isOwn = isMembers(record) && record.source === source && record.event_type === event_type;
  // Other members may have data that no path names.
  if (!isOwn || !Object.keys(record).every(isEventField)) return MASKED;
  return maskMembers(
    text,
    masked.map((steps) => ['payload', ...steps]),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A place in a text of valid JSON. */
interface Scan {
  readonly text: string;
  readonly masked: readonly PointerSteps[];
  at: number;
  /** The text up to `copied`, with the masked values replaced. */
  out: string;
  copied: number;
}

/** Replaces the values at masked places of valid JSON; of members with the same name, each. */
function maskMembers(text: string, masked: readonly PointerSteps[]): string {
  const scan: Scan = { text, masked, at: 0, out: '', copied: 0 };
  scanValue(scan, []);
  return scan.out + text.slice(scan.copied);
}

/** Passes over a value. `place` is null within a value that is replaced as a whole. */
function scanValue(scan: Scan, place: PointerSteps | null): void {
  skipSpace(scan);
  const start = scan.at;
  const isMasked = place !== null && scan.masked.some((steps) => isBelow(place, steps));
  const first = scan.text.charAt(start);
  if (first === '{') scanMembers(scan, isMasked ? null : place);
  else if (first === '[') scanElements(scan, isMasked ? null : place);
  else if (first === '"') skipText(scan);
  else while (scan.at < scan.text.length && !/[\s,\]}]/.test(scan.text.charAt(scan.at))) scan.at += 1;
  if (!isMasked) return;
  scan.out += `${scan.text.slice(scan.copied, start)}"${MASKED}"`;
  scan.copied = scan.at;
}

/** The place below another; null within a value that is replaced as a whole. */
function below(place: PointerSteps | null, step: string): PointerSteps | null {
  return place === null ? null : [...place, step];
}

function scanMembers(scan: Scan, place: PointerSteps | null): void {
  scan.at += 1;
  for (;;) {
    skipSpace(scan);
    const mark = scan.text.charAt(scan.at);
    if (mark === '}') break;
    if (mark === ',') {
      scan.at += 1;
      continue;
    }
    const start = scan.at;
    skipText(scan);
    const name = String(JSON.parse(scan.text.slice(start, scan.at)));
    skipSpace(scan);
    scan.at += 1;
    scanValue(scan, below(place, name));
  }
  scan.at += 1;
}

function scanElements(scan: Scan, place: PointerSteps | null): void {
  scan.at += 1;
  let index = 0;
  for (;;) {
    skipSpace(scan);
    const mark = scan.text.charAt(scan.at);
    if (mark === ']') break;
    if (mark === ',') {
      scan.at += 1;
      index += 1;
    } else scanValue(scan, below(place, String(index)));
  }
  scan.at += 1;
}

function skipSpace(scan: Scan): void {
  while (/\s/.test(scan.text.charAt(scan.at))) scan.at += 1;
}

function skipText(scan: Scan): void {
  scan.at += 1;
  while (scan.text.charAt(scan.at) !== '"') scan.at += scan.text.charAt(scan.at) === '\\' ? 2 : 1;
  scan.at += 1;
}
