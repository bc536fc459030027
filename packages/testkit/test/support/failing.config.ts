import { mergeConfig } from 'vitest/config';

import base from '../../../../vitest.base.ts';

const config = mergeConfig(base, {});
config.test.include = ['packages/testkit/test/support/failing.history.ts'];
export default config;
