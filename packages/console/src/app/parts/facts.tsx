import type { ComponentChildren } from 'preact';

/** A name and what it stands for. */
export type Fact = readonly [name: string, value: ComponentChildren];

/** A list of facts, each with its name. */
export function FactList({ facts }: { readonly facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </>
      ))}
    </dl>
  );
}
