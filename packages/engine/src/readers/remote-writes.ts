import { KitError } from '@pik/schema';

import type { Backend } from '../ports/backend.ts';

/** The writes that a reader thread leaves to the thread that owns the directory: those of replays and their processing, and of compaction. */
const WRITES = {
  index: ['ping', 'setMark', 'addFailures'],
  files: ['put'],
  hours: ['commit'],
  aggregates: ['append'],
  replays: ['create', 'addPart', 'cancel', 'addWindows', 'setWindowResult', 'setWindowFailures'],
  queue: ['send', 'receive', 'extend', 'delete', 'fail', 'redrive'],
  monitors: ['put', 'keep'],
} as const satisfies { readonly [S in keyof Backend]?: readonly (keyof NonNullable<Backend[S]>)[] };

/** One such write, as it is passed between threads. */
export interface Write {
  readonly store: string;
  readonly method: string;
  readonly args: readonly unknown[];
}

type Method = (...args: readonly unknown[]) => Promise<unknown>;
type Store = Readonly<Record<string, Method>>;

/** A backend whose writes another thread does. They resolve when they are durable; later reads of this backend see them. */
export function withRemoteWrites(backend: Backend, write: (write: Write) => Promise<unknown>): Backend {
  const stores = Object.entries(WRITES).map(([store, methods]) => {
    const remote = methods.map((method) => [method, (...args: unknown[]) => write({ store, method, args })]);
    return [store, { ...storeOf(backend, store), ...Object.fromEntries(remote) }];
  });
  return { ...backend, ...Object.fromEntries(stores) };
}

/** Does a write of another thread. */
export async function doWrite(backend: Backend, { store, method, args }: Write): Promise<unknown> {
  const methods: readonly string[] = Object.hasOwn(WRITES, store) ? WRITES[store as keyof typeof WRITES] : [];
  const found = methods.includes(method) ? storeOf(backend, store)[method] : undefined;
  if (found === undefined) throw new KitError('INTERNAL', `${store}.${method} is not a write`);
  return found(...args);
}

function storeOf(backend: Backend, store: string): Store {
  // The table above names stores and methods of the port; both threads run the same version of it.
  return (backend as unknown as Readonly<Record<string, Store>>)[store] ?? {};
}
