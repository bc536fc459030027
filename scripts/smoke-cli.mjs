// The built command line on a Node that is too old for the backend: commands that only talk to a server work, and the others
// name the version that they need instead of ending in a stack.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';

const pik = (...args) => spawnSync(process.execPath, ['packages/cli/dist/main.js', ...args], { encoding: 'utf8' });

const version = pik('--version');
assert.match(version.stdout, /^pik \d+\.\d+\.\d+ on Node \d+/, version.stderr);
const lag = pik('lag', '--url', 'http://127.0.0.1:1');
assert.equal(lag.status, 3, lag.stderr);
assert.match(lag.stderr, /^pik: NETWORK: /);
// `--config` of a file that does not exist: a Node that is new enough does not start a server either.
const serve = pik('serve', '--config', '/nowhere/pik.config.ts');
assert.notEqual(serve.status, 0);
assert.match(serve.stderr, /^pik: .*\n$/);
if (Number(process.versions.node.split('.')[0]) < 22) assert.match(serve.stderr, /needs Node 22\.18 or newer/);
console.log(`Node ${process.version}: the command line answers`);
