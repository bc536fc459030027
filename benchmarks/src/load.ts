import { Agent, type IncomingMessage, request } from 'node:http';

/** Clients that send requests to one server, each its next one after the answer to the last. */
export interface Load {
  /** Sends all bodies; fails unless every one of their events is ACCEPTED. Returns the times from request to answer, in ms. */
  send(bodies: readonly Buffer[], onAnswer?: () => void): Promise<number[]>;
  post(path: string, body: Buffer): Promise<string>;
  get(path: string): Promise<string>;
  close(): void;
}

/** Creates clients over connections that stay open. */
export function createLoad(url: string, { inFlight }: { inFlight: number }): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const call = (path: string, body?: Buffer) =>
    new Promise<string>((resolve, reject) => {
      const headers =
        body === undefined ? {} : { 'content-type': 'application/x-ndjson', 'content-length': body.length };
      const method = body === undefined ? 'GET' : 'POST';
      const sent = request(`${url}${path}`, { method, agent, headers }, (answer) => collect(answer, resolve));
      sent.on('error', reject);
      sent.end(body);
    });
  return {
    async send(bodies, onAnswer) {
      const times: number[] = [];
      let next = 0;
      const client = async () => {
        for (let i = next++; i < bodies.length; i = next++) {
          const started = performance.now();
          const answer = await call('/ingest', bodies[i]);
          times.push(performance.now() - started);
          if (!isAccepted(answer)) throw new Error(answer.slice(-300));
          onAnswer?.();
        }
      };
      await Promise.all(Array.from({ length: inFlight }, client));
      return times;
    },
    post: (path, body) => call(path, body),
    get: (path) => call(path),
    close: () => agent.destroy(),
  };
}

/** True if every event of an answer is ACCEPTED; a list of results ends with its counts. */
function isAccepted(answer: string): boolean {
  return answer.endsWith('}}') ? /"counts":\{"ACCEPTED":\d+\}\}$/.test(answer) : answer.includes('"status":"ACCEPTED"');
}

function collect(response: IncomingMessage, resolve: (text: string) => void): void {
  const chunks: Buffer[] = [];
  response.on('data', (chunk: Buffer) => chunks.push(chunk));
  response.on('end', () => resolve(Buffer.concat(chunks).toString()));
}

/** The middle one of some numbers; of an even count the upper one of the two. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;
}

/** The value below which this share of the numbers lies. */
export function quantile(numbers: readonly number[], share: number): number {
  return numbers.toSorted((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(numbers.length * share))] ?? 0;
}
