import { KitError } from './errors.ts';

/** The interface of schema libraries that follow Standard Schema (standardschema.dev), such as zod. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>;
    readonly types?: { readonly input: Output; readonly output: unknown } | undefined;
  };
}

/** The result of a Standard Schema validation. */
export type StandardResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/** An event type: the schema of its payload and the kind of identity of its events. */
export interface CatalogEntry<Payload = never> {
  /** Checked at `emit`. Default: any object or array. */
  readonly payload?: StandardSchema<Payload> | undefined;
  /**
   * `content`: events with equal content are one event. `occurrence`: every emit is a separate event. A function:
   * returns the key of the event; events with equal keys are one event. Default: content if an event time is passed,
   * otherwise occurrence.
   */
  readonly identity?: 'content' | 'occurrence' | ((payload: Payload) => string) | undefined;
}

/** Event types by name, so that no name can be declared twice. Shared by producers and investigators. */
export type Catalog = Readonly<Record<string, CatalogEntry>>;

/** The input type of a schema; any object or array without one. */
type InputOf<Schema> = Schema extends { '~standard': { types?: infer Types | undefined } }
  ? NonNullable<Types> extends { input: infer Input }
    ? Input
    : object
  : object;

/** The payload type that a catalog declares for an event type; any object or array if it declares none. */
export type PayloadOf<C, T extends keyof C> = string extends keyof C
  ? object
  : C[T] extends { payload?: infer Schema | undefined }
    ? InputOf<Exclude<Schema, undefined>>
    : object;

/** A catalog whose event types and payload schemas the compiler knows. */
export type DefinedCatalog<Schemas> = {
  readonly [T in keyof Schemas]: {
    readonly payload?: Schemas[T] | undefined;
    readonly identity?: 'content' | 'occurrence' | ((payload: InputOf<Schemas[T]>) => string) | undefined;
  };
};

/**
 * Declares event types.
 *
 * @example
 * import { createProducer, defineCatalog } from '@pik/sdk';
 * import * as z from 'zod';
 *
 * const orderSchema = z.object({ order_id: z.string(), total: z.number() });
 * const catalog = defineCatalog({
 *   'order.placed': { payload: orderSchema, identity: ({ order_id }) => order_id },
 *   'page.viewed': { identity: 'occurrence' },
 * });
 * const producer = createProducer({ url: 'http://127.0.0.1:4600', source: 'shop', catalog });
 *
 * @throws KitError `CONFIG_INVALID` for an unusable entry.
 */
export function defineCatalog<Schemas>(catalog: DefinedCatalog<Schemas>): DefinedCatalog<Schemas> {
  for (const [name, entry] of Object.entries(catalog as Record<string, { identity?: unknown; payload?: unknown }>)) {
    const { identity, payload } = entry;
    const known =
      identity === undefined || identity === 'content' || identity === 'occurrence' || typeof identity === 'function';
    if (!known)
      throw new KitError('CONFIG_INVALID', `catalog ${name}: identity must be content, occurrence or a function`);
    if (payload !== undefined && typeof (payload as StandardSchema)['~standard']?.validate !== 'function') {
      throw new KitError('CONFIG_INVALID', `catalog ${name}: payload must be a Standard Schema`);
    }
  }
  return catalog;
}
