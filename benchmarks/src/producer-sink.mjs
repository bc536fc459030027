// The harness's own sink, taught to answer this kit's producer as the backend does: one result for each record, by its id.
// The harness is the folder named by HARNESS, its sink is run as it is; the ids are in the file named by IDS, in the order
// of the events' numbers.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';

const ID_CHARS = 47;
const RAW_KEY = 'raw/v1/stored_date=2025-12-29/stored_hour=23/019b6a5d-ac96-774b-bcce-b302099a8057.ndjson.gz';
const ids = readFileSync(process.env.IDS, 'latin1');
const createServer = http.createServer;

http.createServer = (handler) =>
  createServer((request, response) => {
    // Peers that post NDJSON to the same path do not ask for JSON.
    if (request.url === '/ingest' && request.headers.accept === 'application/json') teach(request, response);
    handler(request, response);
  });
await import(pathToFileURL(join(process.env.HARNESS, 'sink.mjs')).href);

function teach(request, response) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  const end = response.end.bind(response);
  response.end = (body) => {
    if (response.statusCode !== 200) return end(body);
    const bytes = Buffer.concat(chunks);
    return end(answer((request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).latin1Slice()));
  };
}

/** Each record has its number between two signs, as `#00000123#`; a record without one is what a producer tells of itself. */
function answer(text) {
  let results = '';
  let line = 0;
  for (let start = 0; start < text.length; line += 1) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    const at = text.indexOf('"#', start);
    const isEvent = at !== -1 && at < end;
    const number = isEvent ? Number(text.slice(at + 2, at + 10)) * ID_CHARS : 0;
    const known = isEvent
      ? `"event_id":"${ids.slice(number, number + ID_CHARS)}","status":"ACCEPTED"`
      : '"event_id":null,"status":"REJECTED"';
    results += `${line > 0 ? ',' : ''}{${known},"lag_ms":12,"raw_key":"${RAW_KEY}","line":${line}}`;
    start = end + 1;
  }
  return `{"results":[${results}],"counts":{"ACCEPTED":${line}}}`;
}
