// Publishes every package from its tarball, a package after those that it needs. Without `--yes` it only rehearses. Where a
// workflow runs it, npm adds a statement of where the tarball was built.
// node scripts/release/publish.mjs [--yes]   (after `npm run build`)
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { stage } from './stage.mjs';

const isReal = process.argv.includes('--yes');
const packages = stage();
const known = new Map(packages.map((one) => [one.name, one]));
const done = new Set();
for (const one of packages) publish(one);

function publish({ name, version, folder, tarball }) {
  if (done.has(name)) return;
  done.add(name);
  const { dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  for (const needed of Object.keys(dependencies)) if (known.has(needed)) publish(known.get(needed));
  const how = isReal ? ['--provenance'] : ['--dry-run'];
  execFileSync('npm', ['publish', tarball, '--access', 'public', '--loglevel=error', ...how], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  console.log(`${name} ${version}: ${isReal ? 'published' : 'could be published'}`);
}
