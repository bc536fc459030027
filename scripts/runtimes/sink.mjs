// A server that answers a producer as the backend does, by the ids that the bytes have, and fails in the way that the first
// part of the path names. `/said` takes what a page has to say.
import { createServer } from 'node:http';
import { gunzipSync } from 'node:zlib';
import * as schema from '@pik/schema';

/** Starts it on a free port of this machine, with the page and the script that it serves to browsers. */
export async function startSink(script) {
  const kept = new Map();
  const seen = new Map();
  let heard = () => {};
  const said = new Promise((resolve) => {
    heard = resolve;
  });
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const [, way] = request.url.split('/');
    if (way === 'said') heard(bytes.toString());
    if (way === 'page') return response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
    if (way === 'script') return response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    if (!WAYS.has(way)) return response.end();
    const lines = linesOf(bytes, request.headers);
    const source = lines[0].source;
    seen.set(source, (seen.get(source) ?? 0) + 1);
    const attempt = seen.get(source);
    if (way === 'refused') return problem(response, 401, 'UNAUTHENTICATED');
    if (way === 'small' && lines.length > 7) return problem(response, 413, 'BODY_TOO_LARGE');
    if (way === 'flaky' && attempt === 1) return problem(response, 503, 'INDEX_UNAVAILABLE');
    if (way === 'flaky' && attempt === 2) return response.destroy();
    const results = lines.map((line, i) => admit(kept, line, i));
    if (way === 'flaky' && attempt < 5) return response.destroy();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ results, counts: {} }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, said, close };
}

const WAYS = new Set(['plain', 'flaky', 'small', 'refused']);
const PAGE = '<!doctype html><meta charset="utf-8"><script type="module" src="/script"></script>';

function linesOf(bytes, headers) {
  const text = (headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
  return text.split('\n').map((line) => JSON.parse(line));
}

/** The payload comes back in place of the raw key, so that it can be compared. */
function admit(kept, { event_time, payload, ...fields }, line) {
  const instant = schema.parseTime(event_time);
  const payload_hash = schema.payloadHash(payload);
  const { event_id } = schema.deriveIdentity({ ...fields, event_time: instant, payload_hash });
  const status = kept.has(event_id) ? 'DUPLICATE' : 'ACCEPTED';
  kept.set(event_id, true);
  return { event_id, status, lag_ms: 0, raw_key: JSON.stringify(payload), line };
}

function problem(response, status, code) {
  const body = { type: 'about:blank', title: code, status, code, request_id: 'r', retryable: status === 503 };
  response.writeHead(status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(body));
}
