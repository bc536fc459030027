/** Number of entities of the events. */
const ENTITIES = 100_000;

/**
 * The n-th event of the benchmark: 200 bytes as one line of NDJSON, identified by content, so that each n is a separate
 * event.
 */
export function eventLine(n: number): string {
  const ms = Date.UTC(2025, 11, 28) + n * 10;
  const time = new Date(ms).toISOString();
  const head = `{"source":"checkout","event_type":"order.placed","entity_id":"user_${(n * 7919) % ENTITIES}","event_time":"${time}","payload":{"order_id":"o-${n}","ok":true,"fill":"`;
  return `${head}${'x'.repeat(Math.max(0, 197 - head.length))}"}}`;
}

/** Bodies of this many events each, built before the measurement. */
export function makeBodies(fromEvent: number, count: number, perBody: number): Buffer[] {
  const bodies: Buffer[] = [];
  for (let n = fromEvent; n < fromEvent + count; n += perBody) {
    bodies.push(Buffer.from(Array.from({ length: perBody }, (_, i) => eventLine(n + i)).join('\n')));
  }
  return bodies;
}
