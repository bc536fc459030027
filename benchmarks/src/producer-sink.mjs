// The harness's own sink, extended to answer this kit's producer as the backend does: one result per record, with the
// id derived from its bytes. HARNESS names the harness folder; its sink runs unchanged.
import http from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { deriveIdentity, parseTime, sha256Hex } from '@pik/schema';

const RAW_KEY = 'raw/v1/stored_date=2025-12-29/stored_hour=23/019b6a5d-ac96-774b-bcce-b302099a8057.ndjson.gz';
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
    return end(answer((request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString()));
  };
}

function answer(text) {
  const results = text
    .split('\n')
    .map(
      (line, i) => `{"event_id":"${eventId(line)}","status":"ACCEPTED","lag_ms":12,"raw_key":"${RAW_KEY}","line":${i}}`,
    );
  return `{"results":[${results.join(',')}],"counts":{"ACCEPTED":${results.length}}}`;
}

const HEAD = /^\{"source":"([^"]*)","event_type":"([^"]*)","entity_id":"([^"]*)","event_time":"([^"]*)","payload":/;
const OCCURRENCE = /,"identity":"occurrence".*,"producer":\{"id":"([^"]*)","seq":(\d+)\}/;
let last = { text: '', instant: null };

/** Reads the fields by text search, so that the sink is not the bottleneck: the payload is canonical already. */
function eventId(line) {
  const [head, source, event_type, entity_id, time] = HEAD.exec(line);
  const end = Math.max(line.lastIndexOf(',"producer":'), line.lastIndexOf(',"received_at":'));
  if (time !== last.text) last = { text: time, instant: parseTime(time) };
  const event = { source, event_type, entity_id, event_time: last.instant };
  const stamp = OCCURRENCE.exec(line);
  if (stamp !== null) {
    const producer = { id: stamp[1], seq: Number(stamp[2]) };
    return deriveIdentity({ ...event, identity: 'occurrence', producer, payload_hash: '' }).event_id;
  }
  const payload_hash = sha256Hex(line.slice(head.length, end));
  return deriveIdentity({ ...event, payload_hash }).event_id;
}
