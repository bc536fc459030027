// Puts what would be published under `.release`: a folder and a tarball for each package. The sources call the packages by a
// short scope; here they get the scope, the links and the license that the root's package.json states, and in that one place.
// node scripts/release/stage.mjs   (after `npm run build`)
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

const root = join(import.meta.dirname, '../..');
const SHORT_SCOPE = '@pik/';
/** Fields that only the repository needs. */
const KEPT_HERE = ['scripts', 'devDependencies'];
/** Subpaths for the tests of this repository. */
const TESTS_ONLY = './fixtures/*';
const TEXT = /\.(?:[cm]?[jt]s|json|md)$/;

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
const project = readJson(join(root, 'package.json'));
const scope = `${project.release.scope}/`;
const source = `${project.homepage.replace(/#.*$/, '')}/blob/main`;

/** Stages and packs every package. Returns their names, folders and tarballs. */
export function stage(out = join(root, '.release')) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  return readdirSync(join(root, 'packages'))
    .filter((folder) => existsSync(join(root, 'packages', folder, 'package.json')))
    .filter((folder) => readJson(join(root, 'packages', folder, 'package.json')).private !== true)
    .map((folder) => {
      const staged = join(out, folder);
      stageOne(join(root, 'packages', folder), staged);
      const [{ filename, size, unpackedSize }] = JSON.parse(
        execFileSync('npm', ['pack', '--json', '--pack-destination', out, '--loglevel=error'], {
          cwd: staged,
          encoding: 'utf8',
        }),
      );
      const { name, version } = readJson(join(staged, 'package.json'));
      return { name, version, folder: staged, tarball: join(out, filename), size, unpackedSize };
    });
}

function stageOne(from, to) {
  for (const file of packedFiles(from)) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    if (TEXT.test(file)) writeFileSync(join(to, file), published(readFileSync(join(from, file), 'utf8')));
    else cpSync(join(from, file), join(to, file));
  }
  cpSync(join(root, 'LICENSE'), join(to, 'LICENSE'));
  writeFileSync(join(to, 'README.md'), withWholeLinks(readFileSync(join(to, 'README.md'), 'utf8'), from));
  const home = `\n[Documentation and source](${project.homepage}). License: ${project.license}.\n`;
  appendFileSync(join(to, 'README.md'), home);
  writeFileSync(join(to, 'package.json'), `${JSON.stringify(manifest(from), null, 2)}\n`);
}

/** The files that npm would pack, by the package's own list. */
function packedFiles(folder) {
  const said = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=error'], {
    cwd: folder,
    encoding: 'utf8',
  });
  const [{ files }] = JSON.parse(said);
  return files.map(({ path }) => path);
}

const published = (text) => text.replaceAll(SHORT_SCOPE, scope);

/** A README whose links to files of the repository lead there from anywhere. */
function withWholeLinks(text, folder) {
  return text.replace(/\]\((\.\.?\/[^)#]+)/g, (_, path) => {
    const file = relative(root, join(folder, path));
    if (!existsSync(join(root, file))) throw new Error(`${folder}/README.md links to ${path}, which is not there`);
    return `](${source}/${file}`;
  });
}

function manifest(folder) {
  const own = readJson(join(folder, 'package.json'));
  for (const field of KEPT_HERE) delete own[field];
  if (own.exports !== undefined) delete own.exports[TESTS_ONLY];
  const { author, homepage, bugs, keywords, repository } = project;
  const directory = folder.slice(root.length + 1);
  const { name, version, license, description, ...rest } = own;
  const links = { author, homepage, bugs, repository: { ...repository, directory }, keywords };
  return JSON.parse(published(JSON.stringify({ name, version, description, license, ...links, ...rest })));
}

if (import.meta.main ?? process.argv[1] === import.meta.filename)
  for (const { name, version, size, unpackedSize } of stage())
    console.log(`${name} ${version}: ${kilobytes(size)} packed, ${kilobytes(unpackedSize)} unpacked`);

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(0)} kB`;
}
