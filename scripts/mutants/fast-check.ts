// Replaces fast-check in test files while mutants are tried: the same input in every run, so that no mutant survives by chance,
// and few runs of each property. Failures are not shrunk: that would run the mutant again and again.
import { env } from 'node:process';
import fc from 'fast-check';

const RUNS_MAX = Number(env.MUTATE_RUNS ?? 20);

const assert = <T>(property: fc.IRawProperty<T>, parameters: fc.Parameters<T> = {}) =>
  fc.assert(property, {
    seed: 1,
    endOnFailure: true,
    ...parameters,
    numRuns: Math.min(parameters.numRuns ?? 100, RUNS_MAX),
  });

export default { ...fc, assert };
