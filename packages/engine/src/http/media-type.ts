import { KitError } from '@pik/schema';

import type { IngestRequest, Wire } from '../api/pipeline.ts';

/** The content types that ingest reads, and how a body of each is split into records. */
export const CONTENT_TYPES: Readonly<Record<string, IngestRequest['format']>> = {
  'application/json': 'json',
  'application/x-ndjson': 'ndjson',
  'application/ndjson': 'ndjson',
  'application/jsonl': 'ndjson',
  'application/cloudevents+json': 'json',
  'application/cloudevents-batch+json': 'json',
};

/** The content encodings that ingest reads. */
export const ENCODINGS = ['gzip', 'identity'] as const;

/** The format and encoding of a request body. */
export interface BodyForm {
  /** The content type, without its parameters. */
  readonly type: string;
  readonly format: IngestRequest['format'];
  readonly gzip: boolean;
}

/** How the body of an ingest request is read. */
export interface IngestForm {
  readonly format: IngestRequest['format'];
  readonly gzip: boolean;
  readonly wire?: Wire | undefined;
}

/**
 * Reads the form of an ingest request. Headers `ce-*` hold the attributes of a CloudEvent in binary mode, whose data may be of
 * any type; the mapping reads them and the content type.
 *
 * @throws KitError `MEDIA_TYPE_UNSUPPORTED`, `ENCODING_UNSUPPORTED`.
 */
export function ingestForm(
  headers: Headers,
  { mapped = false, isPage = false }: { mapped?: boolean | undefined; isPage?: boolean } = {},
): IngestForm {
  if (mapped) return mappedForm(headers);
  // Without the key of a page, a text is refused: any page can send one to a server on this machine without asking.
  if (isPage && /^\s*text\/plain\s*(;|$)/i.test(headers.get('content-type') ?? ''))
    return { format: 'ndjson', gzip: isGzip(headers) };
  const isStructured = /^\s*application\/cloudevents/i.test(headers.get('content-type') ?? '');
  if (!headers.has('ce-specversion') || isStructured) return bodyForm(headers);
  const around = [...headers].filter(([name]) => name.startsWith('ce-') || name === 'content-type');
  const gzip = isGzip(headers);
  return { format: 'whole', gzip, wire: { name: 'cloudevents', around: Object.fromEntries(around) } };
}

function mappedForm(headers: Headers): IngestForm {
  const { type, format, gzip } = bodyForm(headers);
  if (format !== 'ndjson') throw unsupported(`mapped records are lines of NDJSON, not ${type}`);
  return { format: 'whole', gzip, wire: { name: 'mapped', around: null } };
}

/**
 * Reads content type and content encoding.
 *
 * @throws KitError `MEDIA_TYPE_UNSUPPORTED`, `ENCODING_UNSUPPORTED`.
 */
export function bodyForm(headers: Headers): BodyForm {
  const type = readType(headers.get('content-type'));
  return {
    type,
    format: CONTENT_TYPES[type] as IngestRequest['format'],
    gzip: isGzip(headers),
  };
}

function readType(header: string | null): string {
  const [type = '', ...parameters] = (header ?? '').toLowerCase().split(';');
  const name = type.trim();
  if (!Object.hasOwn(CONTENT_TYPES, name)) throw unsupported(header === null ? 'there is no content-type' : null);
  for (const parameter of parameters) {
    const [key, value = ''] = parameter.split('=');
    if (key?.trim() !== 'charset') continue;
    if (!/^"?utf-?8"?$/.test(value.trim())) throw unsupported('the charset must be utf-8');
  }
  return name;
}

function unsupported(why: string | null): KitError {
  const hint = `send one of ${Object.keys(CONTENT_TYPES).join(', ')}`;
  return new KitError('MEDIA_TYPE_UNSUPPORTED', why === null ? hint : `${why}; ${hint}`);
}

/** True for a body in gzip. Throws `ENCODING_UNSUPPORTED`. */
export function isGzip(headers: Headers): boolean {
  return readEncoding(headers.get('content-encoding')) === 'gzip';
}

function readEncoding(header: string | null): (typeof ENCODINGS)[number] {
  const name = (header ?? 'identity').trim().toLowerCase() || 'identity';
  const encoding = ENCODINGS.find((known) => known === name);
  if (encoding === undefined)
    throw new KitError('ENCODING_UNSUPPORTED', `send the body as ${ENCODINGS.join(' or ')}, once`);
  return encoding;
}
