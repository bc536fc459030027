import type { IncomingMessage } from 'node:http';

import { formFields } from './form-fields.ts';
import type { Captured } from './options.ts';
import type { RequestPayload } from './payload.ts';
import { PlainCopy } from './plain-copy.ts';
import { REDACTED, type Redaction } from './redaction.ts';
import type { ResponseBody } from './response-body.ts';

/** A request and its response, as sources of captured fields. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly responseHeaders: NodeJS.Dict<unknown>;
  readonly url: string;
  readonly body: unknown;
  readonly clientIp: string | undefined;
  readonly responseBody: ResponseBody | null;
}

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\b/i;
const FORM_TYPE = /^(?:application\/x-www-form-urlencoded|multipart\/form-data)\b/i;

type Fields = Partial<Pick<RequestPayload, 'client_ip'>> & { [name: string]: unknown };

/** The captured fields of a request, each bounded and redacted. */
export function capturedFields(wanted: Captured, exchange: Exchange, redaction: Redaction): object {
  const { incoming, responseHeaders } = exchange;
  const fields: Fields = {};
  const put = (name: string, value: unknown) => {
    if (value === undefined || value === null) return;
    const nodes = redaction.below(redaction.root, name);
    fields[name] = redaction.isSecret(name, nodes)
      ? REDACTED
      : new PlainCopy(redaction, wanted.bytesMax).value(value, nodes);
  };
  if (wanted.clientIp) put('client_ip', exchange.clientIp);
  if (wanted.query) put('query', queryOf(exchange.url, wanted.bytesMax));
  if (wanted.requestHeaders !== null) put('request_headers', pick(headersOf(incoming), wanted.requestHeaders));
  if (wanted.responseHeaders !== null) put('response_headers', pick(responseHeaders, wanted.responseHeaders));
  put('request_body', requestBodyOf(wanted, exchange));
  if (wanted.responseBody) put('response_body', jsonOf(exchange.responseBody, responseHeaders));
  return fields;
}

/** The headers of HTTP/1. HTTP/2 has more, which contain the path, which is never captured, or repeat other fields. */
function headersOf({ headers }: IncomingMessage): NodeJS.Dict<unknown> {
  const names = Object.keys(headers).filter((name) => !name.startsWith(':'));
  const authority = headers[':authority'];
  const host = authority === undefined || headers.host !== undefined ? {} : { host: authority };
  return { ...host, ...Object.fromEntries(names.map((name) => [name, headers[name]])) };
}

/** The body as parsed by the service, if its content type has named fields. */
function requestBodyOf(wanted: Captured, { incoming, body }: Exchange): object | null {
  const type = incoming.headers['content-type'] ?? '';
  const fields = containerOrNull(body);
  if (fields === null) return null;
  if (wanted.requestBody && JSON_TYPE.test(type)) return fields;
  return wanted.forms && FORM_TYPE.test(type) ? formFields(fields) : null;
}

/** The copy redacts headers by name, as it does all other members. */
function pick(headers: NodeJS.Dict<unknown>, names: readonly string[] | 'all'): object {
  if (names === 'all') return headers;
  return Object.fromEntries(names.filter((name) => headers[name] !== undefined).map((name) => [name, headers[name]]));
}

function queryOf(url: string, bytesMax: number): object | null {
  const at = url.indexOf('?');
  if (at < 0) return null;
  const query = new Map<string, string | string[]>();
  for (const [name, value] of new URLSearchParams(url.slice(at + 1, at + 1 + bytesMax))) {
    const known = query.get(name);
    query.set(name, known === undefined ? value : [...[known].flat(), value]);
  }
  return Object.fromEntries(query);
}

/** Texts and bytes may contain a secret in an unknown form; members have names. */
function containerOrNull(value: unknown): object | null {
  return typeof value === 'object' && !ArrayBuffer.isView(value) ? value : null;
}

/** A body that is not JSON cannot be redacted by name, so it is not captured. */
function jsonOf(body: ResponseBody | null, headers: NodeJS.Dict<unknown>): object | null {
  const type = String(headers['content-type'] ?? '');
  if (body?.isComplete !== true || !JSON_TYPE.test(type)) return null;
  if (headers['content-encoding'] !== undefined) return null;
  try {
    return containerOrNull(JSON.parse(body.text()));
  } catch {
    return null;
  }
}
