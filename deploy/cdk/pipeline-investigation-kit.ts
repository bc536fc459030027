import { join } from 'node:path';

import { Token } from 'aws-cdk-lib';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { CfnFunction } from 'aws-cdk-lib/aws-sam';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { Construct } from 'constructs';

import type { KitOutput, KitParameters } from './parameters.ts';

export type { KitOutput, KitParameters } from './parameters.ts';

const DEPLOY = join(import.meta.dirname, '..');
const BUNDLES = {
  IngestFunction: 'ingest',
  SweeperFunction: 'sweeper',
  ReplayFunction: 'replay',
  ProcessorFunction: 'processor',
  InvestigateFunction: 'investigate',
  WatcherFunction: 'watcher',
} as const;

/** Options of the construct. */
export interface PipelineInvestigationKitProps {
  /** Parameters of the stack, each with the default of the template. */
  readonly parameters?: KitParameters | undefined;
  /** The folder with the bundles of the functions. Default: `deploy/dist` of this checkout, which `npm run build` fills. */
  readonly bundles?: string | undefined;
}

/**
 * The kit in a stack of a CDK app: what `template.yaml` declares, under the same logical ids, with the bundles as assets. One stack
 * takes one kit; a second kit of an account and region needs a stack and an `AthenaDatabase` of its own.
 *
 * @example
 * ```ts
 * import { App, Stack } from 'aws-cdk-lib';
 * import { PipelineInvestigationKit } from '../pipeline-investigation-kit/deploy/cdk/pipeline-investigation-kit.ts';
 *
 * const stack = new Stack(new App(), 'pik');
 * const kit = new PipelineInvestigationKit(stack, 'Kit', { parameters: { RawRetentionDays: '400' } });
 * producer.addEnvironment('PIK_URL', kit.output('ApiUrl'));
 * ```
 */
export class PipelineInvestigationKit extends Construct {
  /** The declared resources, by logical id: `template.getResource('RawBucket')`. */
  readonly template: CfnInclude;

  /** @throws Error if a bundle is missing: `npm run build` makes them. */
  constructor(
    scope: Construct,
    id: string,
    { parameters = {}, bundles = join(DEPLOY, 'dist') }: PipelineInvestigationKitProps = {},
  ) {
    super(scope, id);
    this.template = new CfnInclude(this, 'Template', { templateFile: join(DEPLOY, 'template.yaml') });
    // The values become the defaults of the parameters, so that conditions still hold and `cdk deploy --parameters` still works.
    for (const [name, value] of Object.entries(parameters))
      if (value !== undefined) this.template.getParameter(name).default = value;
    for (const [logicalId, bundle] of Object.entries(BUNDLES)) {
      const { s3BucketName, s3ObjectKey } = new Asset(this, bundle, { path: join(bundles, bundle) });
      const fn = this.template.getResource(logicalId) as CfnFunction;
      fn.codeUri = { bucket: s3BucketName, key: s3ObjectKey };
    }
  }

  /** Returns an output of the deployed stack, as a token that other resources can take. */
  output(name: KitOutput): string {
    return Token.asString(this.template.getOutput(name).value);
  }
}
