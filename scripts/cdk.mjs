// The construct for the CDK, in an app of its own: its types hold, and the template that it synthesizes is the template of the
// repository but for the code of the functions. `node scripts/cdk.mjs`, after `npm run build`
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { readTemplate } from '../deploy/src/template.ts';
import { installed } from './runtimes/installed.mjs';

const CDK = 'aws-cdk-lib@2.276.0';
const CONSTRUCTS = 'constructs@10.8.1';
const root = join(import.meta.dirname, '..');

const APP = `import { App, Stack } from 'aws-cdk-lib';
import { PipelineInvestigationKit } from './deploy/cdk/pipeline-investigation-kit.ts';

const app = new App();
const stack = new Stack(app, 'pik');
const kit = new PipelineInvestigationKit(stack, 'Kit', { parameters: { ThrottleRate: 50, EnableProcessor: 'false' } });
stack.exportValue(kit.output('ApiUrl'), { name: 'pik-url' });
app.synth();
`;

const cdk = installed({ folder: 'cdk', specs: [CDK, CONSTRUCTS], program: 'aws-cdk-lib' });
assert.ok(cdk, `${CDK} is installed`);
const app = mkdtempSync(join(tmpdir(), 'pik-cdk-'));
try {
  cpSync(join(root, 'deploy/cdk'), join(app, 'deploy/cdk'), { recursive: true });
  cpSync(join(root, 'deploy/dist'), join(app, 'deploy/dist'), { recursive: true });
  cpSync(join(root, 'deploy/template.yaml'), join(app, 'deploy/template.yaml'));
  symlinkSync(join(cdk, '..'), join(app, 'node_modules'), 'dir');
  writeFileSync(join(app, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(app, 'app.ts'), APP);
  run('tsc', [
    ...['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--allowImportingTsExtensions', '--skipLibCheck'],
    ...['--module', 'nodenext', '--target', 'es2022', '--types', 'node'],
    ...['--typeRoots', join(root, 'node_modules/@types'), 'app.ts'],
  ]);
  run('node', ['app.ts'], { CDK_OUTDIR: join(app, 'cdk.out') });
  compare(JSON.parse(readFileSync(join(app, 'cdk.out/pik.template.json'), 'utf8')));
  console.log('cdk: the stack of the construct is the stack of the template');
} finally {
  rmSync(app, { recursive: true, force: true });
}

/** A template with the attributes of resources as lists: the CDK keeps the form that the template has. */
function withOneForm(template) {
  return JSON.parse(JSON.stringify(template), (key, value) =>
    key === 'Fn::GetAtt' && typeof value === 'string' ? value.split('.') : value,
  );
}

function run(program, args, env = {}) {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: app,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.equal(status, 0, `${program}: ${stdout}${stderr}`);
}

function compare(synthesized) {
  const [made, declared] = [synthesized, readTemplate()].map(withOneForm);
  const codes = new Map();
  for (const [id, resource] of Object.entries(made.Resources)) {
    if (resource.Type !== 'AWS::Serverless::Function') continue;
    codes.set(id, resource.Properties.CodeUri);
    resource.Properties.CodeUri = declared.Resources[id]?.Properties.CodeUri;
  }
  assert.equal(
    new Set([...codes.values()].map((code) => JSON.stringify(code))).size,
    codes.size,
    'each function has code of its own',
  );
  assert.ok([...codes.values()].every((code) => code.Bucket !== undefined && /\.zip$/.test(code.Key)));
  assert.deepEqual(Object.keys(made.Resources).sort(), Object.keys(declared.Resources).sort());
  for (const [id, resource] of Object.entries(declared.Resources)) assert.deepEqual(made.Resources[id], resource, id);
  assert.deepEqual(made.Globals, declared.Globals);
  assert.deepEqual(made.Conditions, declared.Conditions);
  // The CDK adds a rule of its own.
  for (const [name, rule] of Object.entries(declared.Rules)) assert.deepEqual(made.Rules[name], rule, name);
  const { ThrottleRate, EnableProcessor } = made.Parameters;
  assert.deepEqual([ThrottleRate.Default, EnableProcessor.Default], [50, 'false']);
}
