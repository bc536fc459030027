// The suite on Node, Deno and Bun: `host.mjs SINK VECTORS`. The last line of its output says what held; the process must
// then end by itself, although one producer is left open.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { createProducer } from '@pik/sdk';

import { runSuite } from './suite.mjs';

const [sink, file] = process.argv.slice(2);
const { vectors } = JSON.parse(readFileSync(file, 'utf8'));
const held = await runSuite({ sink, vectors });
createProducer({ url: `${sink}/plain`, source: 'left-open', log: () => {} }).emit('t', {}, { entity_id: 'e' });
console.log(`held: ${held.length}`);
