export {
  type CollectedEvent,
  type CollectingOptions,
  type CollectingProducer,
  createCollectingProducer,
  type RefusedEvent,
} from './testing/collecting-producer.ts';
export { type MatcherContext, type MatchResult, producerMatchers } from './testing/matchers.ts';
