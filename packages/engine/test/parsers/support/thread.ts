import { runParser } from '../../../src/parsers/run-parser.ts';

// A parsing thread of the tests. The key that sent a request chooses what becomes of the thread.

runParser({
  onOrder({ principal }) {
    if (principal === 'crash') process.exit(7);
    if (principal === 'memory') takeMemory();
  },
});

function takeMemory(): never {
  for (const held: object[][] = []; ; ) held.push(Array.from({ length: 10_000 }, (_, i) => ({ i })));
}
