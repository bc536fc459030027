import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

import { type Scope, useScope } from '../state/scope.ts';
import { Empty, Failed, Loading } from './states.tsx';

/** A page: its title, one sentence about it, and what can be done. */
export function Page(props: {
  readonly title: string;
  readonly lead?: ComponentChildren;
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}) {
  const { title, lead, actions, children } = props;
  useEffect(() => {
    document.title = `${title} · pik`;
  }, [title]);
  return (
    <>
      <div class="head">
        <h1>{title}</h1>
        {lead !== undefined && <p>{lead}</p>}
        {actions !== undefined && <span class="row">{actions}</span>}
      </div>
      {children}
    </>
  );
}

/** The part of a page that needs events: it waits for the scope, and says why there is nothing. */
export function Scoped({ children }: { readonly children: (scope: Scope) => ComponentChildren }) {
  const { scope, probe, empty } = useScope();
  if (empty !== null) return <Empty sentence={empty} />;
  if (probe.error !== null && scope === null) return <Failed error={probe.error} retry={probe.refetch} />;
  if (scope === null) return <Loading what="the range" />;
  return <>{children(scope)}</>;
}
