import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type HookDeclaration, hookRules } from '@pik/schema';
import fc from 'fast-check';

import { hook1 } from '../../src/ingest/rules/mappings/hook.ts';
import { describeMappingContract } from '../support/mapping-contract.ts';

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 300 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const secrets_env = ['S'];
const rules = (['standard', 'stripe', 'github'] as const).map((scheme) =>
  hookRules('hook', { version: 1, signature: { scheme, secrets_env } } satisfies HookDeclaration),
);

describeMappingContract(hook1, {
  records: fc
    .record({
      type: optional(text),
      id: optional(fc.oneof(text, fc.integer())),
      created: optional(fc.oneof(fc.integer(), fc.constant('soon'))),
      timestamp: optional(fc.constantFrom('2026-01-30T10:00:00Z', '2026-01-30', null)),
      data: optional(fc.oneof(fc.record({ object: fc.record({ id: text }) }), fc.jsonValue({ maxDepth: 2 }))),
      action: optional(text),
      repository: fc.constantFrom({ full_name: 'a/b' }, null),
    })
    .map((body) => ({ text: JSON.stringify(body) })),
  around: fc.record(
    {
      ':hook': fc.constant('hook'),
      'webhook-id': text,
      'x-github-event': fc.constantFrom('push', 'issues'),
      'x-github-delivery': text,
      ':refused': fc.constantFrom('SIGNATURE_INVALID', 'SIGNATURE_EXPIRED'),
    },
    { requiredKeys: [':hook'] },
  ),
  settings: fc.constantFrom(...rules),
  vectors: JSON.parse(readFileSync(join(import.meta.dirname, 'vectors/hook-1.json'), 'utf8')),
});
