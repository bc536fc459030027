export * from './aggregate.ts';
export * from './aggregate-helpers.ts';
export * from './change/change-attribution.ts';
export { plainFields } from './change/change-classes.ts';
export * from './change/change-deciders.ts';
export * from './change/change-diff.ts';
export * from './change/change-explain.ts';
export * from './change/shapley.ts';
export type { DeclaredLatestBy, LatestBy, LatestOptions, StateVersion } from './latest-by.ts';
