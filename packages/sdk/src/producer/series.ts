import {
  type Catalog,
  type CatalogEntry,
  KitError,
  type VolatileDeclaration,
  type VolatileMembers,
  type VolatileOf,
  volatileRules,
} from '@pik/schema/events';

/** The parts that all events of one source and type share. */
export interface Series {
  readonly source: string;
  readonly event_type: string;
  readonly entry: CatalogEntry | undefined;
  /** Volatile members of its payloads; null without a declaration. */
  readonly volatile: VolatileMembers | null;
  /** The record's text before the entity id. */
  readonly head: string;
}

/** Builds the shared parts of a source and type. */
export function seriesOf(
  source: string,
  event_type: string,
  { entry, volatile = null }: { entry?: CatalogEntry | undefined; volatile?: VolatileMembers | null } = {},
): Series {
  const head = `${JSON.stringify({ source, event_type }).slice(0, -1)},"entity_id":`;
  return { source, event_type, entry, volatile, head };
}

/** Options of a producer that apply to all series. */
interface SeriesOptions {
  readonly source?: string | undefined;
  readonly catalog: Catalog | undefined;
  readonly volatile?: readonly VolatileDeclaration[] | undefined;
}

/** Caches series: most events share a few of them. */
export class SeriesCache {
  lastSource: string;
  readonly #source: string | undefined;
  readonly #catalog: Catalog | undefined;
  readonly #volatileOf: VolatileOf;
  readonly #known = new Map<string, Map<string, Series>>();
  #count = 0;

  constructor({ source, catalog, volatile = [] }: SeriesOptions) {
    this.#source = source;
    this.#catalog = catalog;
    this.#volatileOf = volatileRules(volatile);
    this.lastSource = source ?? '';
  }

  /** @throws KitError `FIELD_MISSING`, `FIELD_INVALID`, `EVENT_NOT_DECLARED`. */
  get(ownSource: string | undefined, eventType: string): Series {
    const source = ownSource ?? this.#source;
    const known = source === undefined ? undefined : this.#known.get(source)?.get(eventType);
    return known ?? this.#declare(source, eventType);
  }

  #declare(source: string | undefined, eventType: string): Series {
    if (source === undefined) throw new KitError('FIELD_MISSING', 'source is required', { path: '/source' });
    if (eventType === undefined) throw new KitError('FIELD_MISSING', 'event_type is required', { path: '/event_type' });
    for (const [name, value] of Object.entries({ source, event_type: eventType }))
      if (typeof value !== 'string')
        throw new KitError('FIELD_INVALID', `${name} must be a string, not ${kindOf(value)}`, { path: `/${name}` });
    const isDeclared = this.#catalog === undefined || Object.hasOwn(this.#catalog, eventType);
    if (!isDeclared) throw new KitError('EVENT_NOT_DECLARED', `the catalog has no ${eventType}`);
    if (this.#count === SERIES_MAX) {
      this.#known.clear();
      this.#count = 0;
    }
    this.#count += 1;
    const volatile = this.#volatileOf(source, eventType);
    const series = seriesOf(source, eventType, { entry: this.#catalog?.[eventType], volatile });
    const ofSource = this.#known.get(source) ?? new Map<string, Series>();
    this.#known.set(source, ofSource.set(eventType, series));
    this.lastSource = this.#source ?? source;
    return series;
  }
}

/** Most cached series: callers may invent names without end. */
const SERIES_MAX = 1_000;

/** The type of a value as an error message names it. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
