import type { ReportOf } from '@pik/schema';
import { keepPreviousData, QueryClient, QueryObserver } from '@tanstack/query-core';
import { useEffect, useMemo, useState } from 'preact/hooks';

import { ApiError, type Asked, ask, type Values } from './api.ts';
import { apiKey } from './key.ts';
import { noteShown } from './on-page.ts';

const RETRIES = 2;

/** The answers of this page's questions. */
export const answers = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 20_000,
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => count < RETRIES && error instanceof ApiError && error.retryable && error.status >= 500,
    },
  },
});

/** The state of a question. */
export interface Answered<A> {
  readonly data: A | undefined;
  readonly error: ApiError | null;
  /** True while there is neither an answer nor an error. */
  readonly isLoading: boolean;
  /** True while it is asked, also again. */
  readonly isAsking: boolean;
  refetch(): void;
}

/** How to ask. */
export interface AskOptions {
  /** Milliseconds after which it is asked again. */
  readonly everyMs?: number | undefined;
  /** Shows the answer before while the next one is on its way. */
  readonly keep?: boolean | undefined;
}

/** Asks a question and follows its answer; `null` asks nothing. */
export function useAnswer<N extends Asked>(
  name: N,
  values: Values | null,
  { everyMs, keep = false }: AskOptions = {},
): Answered<ReportOf<N>> {
  const key = JSON.stringify([name, values, apiKey.value]);
  const observer = useMemo(
    () => new QueryObserver<unknown, ApiError>(answers, { queryKey: ['off'], enabled: false }),
    [],
  );
  const [state, setState] = useState(() => observer.getCurrentResult());
  useEffect(() => observer.subscribe(setState), [observer]);
  useEffect(() => {
    observer.setOptions({
      queryKey: [key],
      queryFn: ({ signal }) => ask(name, values ?? {}, signal),
      enabled: values !== null,
      ...(everyMs === undefined ? {} : { refetchInterval: everyMs }),
      ...(keep ? { placeholderData: keepPreviousData } : {}),
    });
    setState(observer.getCurrentResult());
  }, [observer, key, everyMs]);
  const answer = values === null || values.limit === 1 ? undefined : state.data;
  useEffect(
    () => (answer === undefined || values === null ? undefined : noteShown(key, { name, values, answer })),
    [key, answer],
  );
  return {
    data: state.data as ReportOf<N> | undefined,
    error: state.error,
    isLoading: values !== null && state.isPending,
    isAsking: state.isFetching,
    refetch: () => void observer.refetch(),
  };
}
