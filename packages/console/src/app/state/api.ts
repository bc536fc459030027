import type { Problem, ReportOf } from '@pik/schema';

import { ROOT } from './address.ts';
import { apiKey } from './key.ts';
import { PATHS } from './paths.ts';

/** A question that the console asks. */
export type Asked = keyof typeof PATHS;

/** Values of a question: fields of its query and parameters of its path. Empty fields are left out. */
export type Values = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** An answer that is an error: its code says what to do. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly retryable: boolean;

  constructor({ code, status, retryable, title, detail }: Partial<Problem>) {
    super(detail ?? title ?? code ?? 'the server did not answer');
    this.code = code ?? 'NETWORK';
    this.status = status ?? 0;
    this.retryable = retryable ?? true;
  }
}

/** The path and query of a question on this server. */
export function questionPath(name: Asked, values: Values): string {
  const query = new URLSearchParams();
  let path: string = PATHS[name];
  for (const [field, value] of Object.entries(values)) {
    if (value === null || value === undefined || value === '') continue;
    if (path.includes(`:${field}`)) path = path.replace(`:${field}`, encodeURIComponent(String(value)));
    else query.set(field, String(value));
  }
  const text = query.toString();
  return `${path.slice(1)}${text === '' ? '' : `?${text}`}`;
}

/** Asks a question. Throws `ApiError`. */
export async function ask<N extends Asked>(name: N, values: Values, signal?: AbortSignal): Promise<ReportOf<N>> {
  const response = await send(questionPath(name, values), { signal, headers: { accept: 'application/json' } });
  return (await response.json()) as ReportOf<N>;
}

/** Asks for a stream; the caller reads the response. Throws `ApiError`. */
export function openStream(name: Asked, values: Values, call: Call): Promise<Response> {
  return send(questionPath(name, values), call);
}

/** Headers of a request, and the signal that ends it. */
export interface Call {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

async function send(path: string, { signal, headers, ...call }: Call): Promise<Response> {
  const key = apiKey.value;
  const authorized = key === null ? headers : { ...headers, authorization: `Bearer ${key}` };
  let response: Response;
  try {
    response = await fetch(ROOT + path, { ...call, headers: authorized, signal: signal ?? null, credentials: 'omit' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError({ code: 'NETWORK', detail: 'The server cannot be reached.' });
  }
  if (response.ok) return response;
  throw new ApiError(await response.json().catch(() => ({ status: response.status, code: `HTTP ${response.status}` })));
}

/** The error of a call, of whatever kind. */
export function errorOf(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  const { code = 'UNKNOWN', message = String(cause) } = (cause ?? {}) as { code?: string; message?: string };
  return new ApiError({ code, detail: message });
}
