// One instance of the function: a call per line, an answer per line.
import { createInterface } from 'node:readline';

import { handler, type Order, producer } from './handler.ts';

for await (const line of createInterface({ input: process.stdin })) {
  const { status } = await handler(JSON.parse(line) as Order);
  const { acked, pending } = producer.stats();
  console.log(`${status}, acked ${acked}, pending ${pending}`);
}
