import { KitError } from './errors.ts';

/** What any schema library offers that follows Standard Schema (standardschema.dev), zod among them. */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult | Promise<StandardResult>;
    readonly types?: { readonly input: Output; readonly output: unknown } | undefined;
  };
}

/** What a Standard Schema says of a value. */
export type StandardResult =
  | { readonly value: unknown; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/** What one event type is: the form of its payload, and which identity the producer gives it. */
export interface CatalogEntry<Payload = never> {
  /** Checked at `emit`. Without it any object or array will do. */
  readonly payload?: StandardSchema<Payload> | undefined;
  /**
   * `content`: equal content is one event. `occurrence`: every emit is an event of its own. A function: the key of the
   * event, which makes repeats one event. Default: content where an event time is passed, else occurrence.
   */
  readonly identity?: 'content' | 'occurrence' | ((payload: Payload) => string) | undefined;
}

/** Event types by name, so that no name can be declared twice. Shared by producers and investigators. */
export type Catalog = Readonly<Record<string, CatalogEntry>>;

/** What a schema takes; any object or array where there is none. */
type InputOf<Schema> = Schema extends { '~standard': { types?: infer Types } }
  ? NonNullable<Types> extends { input: infer Input }
    ? Input
    : object
  : object;

/** The payload that a catalog declares for an event type; any object or array where it declares none. */
export type PayloadOf<C, T extends keyof C> = string extends keyof C
  ? object
  : C[T] extends { payload?: infer Schema }
    ? InputOf<Schema>
    : object;

/** A catalog whose event types and payload schemas are known to the compiler. */
export type DefinedCatalog<Schemas> = {
  readonly [T in keyof Schemas]: {
    readonly payload?: Schemas[T] | undefined;
    readonly identity?: 'content' | 'occurrence' | ((payload: InputOf<Schemas[T]>) => string) | undefined;
  };
};

/**
 * Declares event types.
 *
 * @throws KitError `CONFIG_INVALID` for an entry that cannot be used.
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
