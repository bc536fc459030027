// The suite in a browser: bundled, run in a page of the sink, which receives the results.
import vectors from '../../packages/schema/vectors/identity.json';
import { runSuite } from './suite.mjs';

const said = await runSuite({ sink: location.origin, vectors: vectors.vectors }).then(
  (held) => `held: ${held.length}`,
  (error) => `failed: ${error.message}`,
);
await fetch('/said', { method: 'POST', body: said });
